from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router.errors import ArtifactError
from router.scoring.artifact import default_artifact_path, load_artifact
from router.scoring.encoder import encoder_sha256
from router.scoring.manifest import file_sha256
from tests.scoring.kernel_parts import make_artifact

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_artifact(tmp_path_factory.mktemp("artifact"))


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "3"))


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def replace_array(folder: Path, name: str, array: np.ndarray[Any, Any], *, allow_pickle: bool = False) -> None:
    """Put another array in place and make the hashes right, so that only what is in it can be wrong."""
    np.save(folder / name, array, allow_pickle=allow_pickle)
    rehash(folder, name)


def rehash(folder: Path, name: str) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["files"][name] = file_sha256(folder / name)
        manifest["encoder"]["sha256"] = encoder_sha256(manifest["files"])

    edit_manifest(folder, change)


def assert_refused(folder: Path, *words: str) -> None:
    with pytest.raises(ArtifactError) as caught:
        load_artifact(folder)
    message = str(caught.value)
    assert str(folder) in message
    for word in words:
        assert word in message


def test_a_written_artifact_loads_and_replays(folder: Path) -> None:
    artifact = load_artifact(folder)
    assert artifact.manifest.label == "tiny/3"
    assert [head.kind for head in artifact.manifest.heads] == ["linear", "trees", "mlp"]
    assert artifact.manifest.operating_points["balanced"].n == 100


def test_the_same_parts_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = make_artifact(tmp_path / "again")
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted(path.name for path in again.iterdir())
    for name in names:
        assert (folder / name).read_bytes() == (again / name).read_bytes()


FILES = [
    "tokenizer.json",
    "vectors.npy",
    "scales.npy",
    "scaler.npy",
    "head-linear.npy",
    "head-trees.npy",
    "golden.jsonl",
]


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_in_any_file_is_noticed_and_the_file_named(folder: Path, name: str) -> None:
    body = bytearray((folder / name).read_bytes())
    body[len(body) // 2] ^= 1
    (folder / name).write_bytes(body)
    assert_refused(folder, name, "train-router")


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert_refused(folder, name, "train-router")


@pytest.mark.parametrize("name", [*FILES[:-1], "manifest.json"])
def test_a_cut_file_is_refused_even_without_verifying(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:20])
    with pytest.raises(ArtifactError, match=name):
        load_artifact(folder, verify=False)


def test_a_newer_format_asks_for_an_upgrade(folder: Path) -> None:
    edit_manifest(folder, lambda manifest: manifest.update(format=2, heads="told differently"))
    assert_refused(folder, "manifest.json", "format 2", "upgrade underdog-router")


def test_keys_that_are_not_known_are_left_alone(folder: Path) -> None:
    edit_manifest(folder, lambda manifest: manifest.update(unfamiliarity={"mean": 0.5}))
    load_artifact(folder)


@pytest.mark.parametrize("name", ["../outside.npy", "/etc/passwd", "sub/scaler.npy", "..", ".hidden", ""])
def test_a_file_name_that_leaves_the_folder_is_refused(folder: Path, name: str) -> None:
    edit_manifest(folder, lambda manifest: manifest["heads"][0].update(file=name))
    assert_refused(folder, "manifest.json", "no plain name")
    edit_manifest(folder, lambda manifest: manifest["heads"][0].update(file="head-linear.npy"))
    edit_manifest(folder, lambda manifest: manifest["files"].update({name: "0" * 64}))
    assert_refused(folder, "manifest.json", "no plain name")


@pytest.mark.parametrize("field", ["name", "version"])
def test_a_name_that_would_break_a_header_is_refused(folder: Path, field: str) -> None:
    edit_manifest(folder, lambda manifest: manifest.update({field: "1\r\nx-evil: yes"}))
    assert_refused(folder, "manifest.json", "no plain name")


def test_an_operating_point_whose_name_would_steer_a_terminal_is_refused(folder: Path) -> None:
    def rename(manifest: dict[str, Any]) -> None:
        points = manifest["operating_points"]
        points["\x1b[2J"] = points["balanced"]

    edit_manifest(folder, rename)
    assert_refused(folder, "manifest.json", r"'\x1b[2J'", "no plain name")


def test_an_operating_point_outside_zero_and_one_is_refused(folder: Path) -> None:
    edit_manifest(folder, lambda manifest: manifest["operating_points"]["balanced"].update(threshold=1.5))
    assert_refused(folder, "manifest.json", "operating_points", "threshold")


def with_reference(**changes: Any) -> Callable[[dict[str, Any]], None]:
    """Give a manifest a reference, sound but for ``changes``."""
    bins = {"edges": [0.5], "shares": [0.4, 0.6]}
    whole = {"n": 500, "win_rate": bins, "tokens": bins, "unfamiliarity": bins, "unfamiliar_share": 0.01}
    return lambda manifest: manifest.update(reference={**whole, **changes})


def test_an_artifact_may_say_what_its_prompts_looked_like(folder: Path) -> None:
    edit_manifest(folder, with_reference())
    reference = load_artifact(folder).manifest.reference
    assert reference is not None
    assert (reference.n, reference.tokens.shares) == (500, [0.4, 0.6])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tokens", {"edges": [2.0, 1.0], "shares": [0.3, 0.3, 0.4]}),
        ("win_rate", {"edges": [0.5], "shares": [1.0]}),
        ("unfamiliarity", {"edges": [0.5], "shares": [0.4, 0.4]}),
        ("unfamiliar_share", 1.5),
        ("n", -1),
    ],
)
def test_a_reference_that_drift_could_not_be_measured_against_is_refused(folder: Path, field: str, value: Any) -> None:
    edit_manifest(folder, with_reference(**{field: value}))
    assert_refused(folder, "manifest.json", f"$.reference.{field}", "train-router")


def test_a_file_without_a_hash_is_refused(folder: Path) -> None:
    edit_manifest(folder, lambda manifest: manifest["files"].pop("head-linear.npy"))
    assert_refused(folder, "head-linear.npy", "no hash")


def test_features_that_this_version_does_not_compute_are_named(folder: Path) -> None:
    edit_manifest(folder, lambda manifest: manifest["feature_names"].append("length.furlongs"))
    assert_refused(folder, "length.furlongs", "refit")


def test_features_in_another_order_are_refused(folder: Path) -> None:
    edit_manifest(folder, lambda manifest: manifest["feature_names"].reverse())
    assert_refused(folder, "in another order")


def test_a_weight_that_is_not_a_number_is_refused(folder: Path) -> None:
    weights = np.load(folder / "head-linear.npy")
    weights[4] = np.nan
    replace_array(folder, "head-linear.npy", weights)
    assert_refused(folder, "head-linear.npy", "NaN")


def test_a_head_of_another_width_is_refused(folder: Path) -> None:
    replace_array(folder, "head-linear.npy", np.zeros(5))
    assert_refused(folder, "different widths")


def test_a_head_of_another_dtype_is_refused(folder: Path) -> None:
    replace_array(folder, "head-linear.npy", np.load(folder / "head-linear.npy").astype(np.float16))
    assert_refused(folder, "head-linear.npy", "float16")


def test_a_pickled_array_is_never_unpickled(folder: Path) -> None:
    replace_array(folder, "head-linear.npy", np.array([{"a": 1}], object), allow_pickle=True)
    assert_refused(folder, "head-linear.npy")


def test_a_header_that_promises_more_than_the_file_holds_is_refused(folder: Path) -> None:
    with (folder / "scaler.npy").open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (2, 10**12)})
        stream.write(b"\0" * 64)
    rehash(folder, "scaler.npy")
    assert_refused(folder, "scaler.npy")


def test_an_unknown_kind_of_head_asks_for_an_upgrade(folder: Path) -> None:
    edit_manifest(folder, lambda manifest: manifest["heads"][0].update(kind="oracle"))
    assert_refused(folder, "oracle", "upgrade underdog-router")


def test_golden_rows_that_come_out_differently_stop_the_start(folder: Path) -> None:
    edit_manifest(folder, lambda manifest: manifest.update(bias=manifest["bias"] + 1e-4))
    assert_refused(folder, "golden.jsonl", "row 1", "train-router")


def test_golden_rows_may_differ_by_rounding(folder: Path) -> None:
    edit_manifest(folder, lambda manifest: manifest.update(bias=manifest["bias"] + 1e-9))
    load_artifact(folder)


def test_an_artifact_without_golden_rows_is_refused(folder: Path) -> None:
    (folder / "golden.jsonl").write_bytes(b"")
    rehash(folder, "golden.jsonl")
    assert_refused(folder, "golden.jsonl", "no rows")


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"format": "one"}', "\ufeff{", '{"format": 1, "name": 3}'])
def test_a_manifest_that_is_none_is_refused(folder: Path, body: str) -> None:
    (folder / "manifest.json").write_text(body, encoding="utf-8")
    assert_refused(folder, "manifest.json")


@pytest.mark.parametrize("body", [b'{"format": 1, "name": "\xff"}', b'{"format": 1, "extra": ' + b"[" * 50_000])
def test_a_manifest_of_stray_bytes_or_endless_nesting_is_refused(folder: Path, body: bytes) -> None:
    (folder / "manifest.json").write_bytes(body)
    assert_refused(folder, "manifest.json")


@pytest.mark.parametrize("header", [b"{'descr': (((", b"{", b"\xff\xfe", b"[" * 500])
def test_an_array_header_that_is_no_header_is_refused(folder: Path, header: bytes) -> None:
    for version in (b"\x01", b"\x02", b"\x03"):
        size = len(header).to_bytes(2 if version == b"\x01" else 4, "little")
        (folder / "scaler.npy").write_bytes(b"\x93NUMPY" + version + b"\x00" + size + header)
        with pytest.raises(ArtifactError, match=r"scaler\.npy"):
            load_artifact(folder, verify=False)


def test_calibration_and_curve_faults_name_the_folder(folder: Path) -> None:
    edit_manifest(folder, lambda manifest: manifest["calibration"].update(logits=[1.0, 0.0]))
    assert_refused(folder, "calibration")


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    assert_refused(tmp_path / "nowhere", "manifest.json", "train-router")


def test_the_shipped_artifact_is_the_highest_version() -> None:
    shipped = REPOSITORY / "models" / "default"
    versions = [int(path.name) for path in shipped.glob("[0-9]*")]
    if not versions:
        with pytest.raises(ArtifactError, match="train-router"):
            default_artifact_path()
        return
    assert default_artifact_path() == shipped / str(max(versions))
