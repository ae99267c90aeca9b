"""The Helm chart, rendered by Helm itself: what Kubernetes would be told."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from router.http.process_metrics import process_families
from router.metrics import render
from router.room import Room
from router.settings import FIELDS, PREFIX
from tests.deploy.conftest import Tool

needs_helm = pytest.mark.deployment

CHART = "deploy/helm/underdog"
EVERYTHING = ["--values", "tests/deploy/everything.yaml"]
LEAST = ["--set", "secret.existing=keys"]
SINGLE = [*LEAST, "--set", "replicaCount=1", "--set", "home.persistent.enabled=true"]
WAYS = {"everything": EVERYTHING, "least": LEAST, "single": SINGLE}
KUBERNETES = ["1.27", "1.37"]
"""The oldest version that the chart takes, and the newest whose schemas are here."""

Resources = dict[str, dict[str, Any]]
Rendered = Callable[[list[str]], Resources]


@pytest.fixture(scope="module")
def ask(helm: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    home = tmp_path_factory.mktemp("helm-home")

    def run(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [helm, *command.split(), *arguments],
            cwd=repository,
            env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def rendered(ask: Callable[..., Any]) -> Rendered:
    """What a release named ``r`` becomes under some values, by kind."""

    def render_with(values: list[str]) -> Resources:
        done = ask("template", "r", CHART, "--namespace", "ours", *values)
        assert done.returncode == 0, done.stderr
        return {resource["kind"]: resource for resource in yaml.safe_load_all(done.stdout) if resource}

    return render_with


def pod_of(resources: Resources) -> dict[str, Any]:
    pod: dict[str, Any] = resources["Deployment"]["spec"]["template"]
    return pod


def container_of(resources: Resources) -> dict[str, Any]:
    (container,) = pod_of(resources)["spec"]["containers"]
    return dict(container)


@needs_helm
@pytest.mark.parametrize("way", WAYS)
def test_helm_finds_nothing_to_complain_of(ask: Callable[..., Any], way: str) -> None:
    done = ask("lint --strict", CHART, *WAYS[way])
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


@needs_helm
@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("way", WAYS)
def test_every_resource_is_one_that_kubernetes_knows(
    rendered: Rendered, tool: Tool, tmp_path: Path, way: str, version: str
) -> None:
    # A kind of Prometheus's operator, for which there is no schema here.
    resources = [resource for kind, resource in rendered(WAYS[way]).items() if kind != "PodMonitor"]
    assert len(resources) >= 5
    page = tmp_path / "resources.yaml"
    page.write_text(yaml.safe_dump_all(resources), encoding="utf-8")
    done = tool("kubernetes-validate", "--strict", "--kubernetes-version", version, page)
    told = done.stdout + done.stderr
    assert (done.returncode, told.count(" passed for resource ")) == (0, len(resources)), told


@needs_helm
def test_everything_is_everything(rendered: Rendered) -> None:
    assert set(rendered(EVERYTHING)) == {
        "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget", "PodMonitor",
        "Secret", "Service", "ServiceAccount",
    }  # fmt: skip
    assert set(rendered(SINGLE)) - set(rendered(LEAST)) == {"PersistentVolumeClaim"}


@needs_helm
@pytest.mark.parametrize("way", WAYS)
def test_replicas_have_no_rights_and_write_nothing_but_their_home(rendered: Rendered, way: str) -> None:
    resources = rendered(WAYS[way])
    spec, container = pod_of(resources)["spec"], container_of(resources)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
    assert mounts == {"/etc/underdog": True, "/var/lib/underdog": False, "/tmp": False}


@needs_helm
@pytest.mark.parametrize("way", WAYS)
def test_kubernetes_waits_for_longer_than_a_replica_takes_to_stop(rendered: Rendered, way: str) -> None:
    resources = rendered(WAYS[way])
    told = {variable["name"]: variable["value"] for variable in container_of(resources)["env"]}
    takes = float(told["UNDERDOG_SHUTDOWN_DELAY_S"]) + float(told["UNDERDOG_SHUTDOWN_GRACE_S"])
    probe = container_of(resources)["readinessProbe"]
    assert pod_of(resources)["spec"]["terminationGracePeriodSeconds"] >= takes + 5
    assert float(told["UNDERDOG_SHUTDOWN_DELAY_S"]) > probe["periodSeconds"] * probe["failureThreshold"]


@needs_helm
def test_a_service_of_the_same_name_changes_no_setting(rendered: Rendered) -> None:
    resources = rendered(["--set", "fullnameOverride=underdog", *LEAST])
    assert resources["Service"]["metadata"]["name"] == "underdog"
    assert pod_of(resources)["spec"]["enableServiceLinks"] is False


@needs_helm
def test_every_variable_of_the_chart_is_a_setting(rendered: Rendered) -> None:
    names = [variable["name"] for variable in container_of(rendered(LEAST))["env"]]
    known = {PREFIX + name.upper() for name in FIELDS} | {"UNDERDOG_CONFIG"}
    assert len(names) == len(set(names)) == len(known & set(names))


@needs_helm
def test_the_configuration_arrives_as_it_was_written(rendered: Rendered, repository: Path) -> None:
    written = yaml.safe_load((repository / "tests/deploy/everything.yaml").read_text(encoding="utf-8"))["config"]
    arrived = rendered(EVERYTHING)["ConfigMap"]["data"]["underdog.toml"]
    assert arrived == written
    assert set(tomllib.loads(arrived)) <= set(FIELDS)


@needs_helm
def test_replicas_start_anew_where_their_configuration_or_secret_changes_and_only_there(rendered: Rendered) -> None:
    def checksums(*more: str) -> tuple[str, str]:
        annotations = pod_of(rendered([*EVERYTHING, *more]))["metadata"]["annotations"]
        return annotations["checksum/config"], annotations["checksum/secret"]

    before = checksums()
    config, secret = (
        checksums("--set", "config=threshold = 0.3"),
        checksums("--set", "secret.values.UNDERDOG_API_KEY=x"),
    )
    assert checksums("--set", "autoscaling.maxReplicas=20") == before
    assert config[0] != before[0]
    assert config[1] == before[1]
    assert secret[0] == before[0]
    assert secret[1] != before[1]


@needs_helm
def test_whoever_looks_for_the_replicas_finds_them(rendered: Rendered) -> None:
    resources = rendered(EVERYTHING)
    labels = pod_of(resources)["metadata"]["labels"].items()
    selectors = [
        resources["Service"]["spec"]["selector"],
        resources["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        *(
            resources[kind]["spec"]["selector"]["matchLabels"]
            for kind in ("Deployment", "PodDisruptionBudget", "PodMonitor")
        ),
        *(
            constraint["labelSelector"]["matchLabels"]
            for constraint in pod_of(resources)["spec"]["topologySpreadConstraints"]
        ),
    ]
    assert len(selectors) == 7
    assert all(selector and selector.items() <= labels for selector in selectors)


@needs_helm
async def test_the_autoscaler_follows_what_the_server_counts_and_leaves_the_replicas_to_itself(
    rendered: Rendered,
) -> None:
    resources = rendered(EVERYTHING)
    (metric,) = resources["HorizontalPodAutoscaler"]["spec"]["metrics"]
    counted = render(process_families(Room(8)))
    assert f"\n{metric['pods']['metric']['name']} 0\n" in f"\n{counted}"
    assert "replicas" not in resources["Deployment"]["spec"]
    assert rendered(LEAST)["Deployment"]["spec"]["replicas"] == 2


def test_the_adapter_serves_what_the_autoscaler_asks_for(repository: Path) -> None:
    chart = (repository / CHART / "templates/horizontalpodautoscaler.yaml").read_text(encoding="utf-8")
    values = yaml.safe_load((repository / "deploy/helm/prometheus-adapter.yaml").read_text(encoding="utf-8"))
    (rule,) = values["rules"]["custom"]
    assert f"name: {rule['name']['as']}\n" in chart
    assert rule["seriesQuery"].startswith(rule["name"]["as"] + "{")


@needs_helm
def test_the_digest_counts_and_not_the_tag(rendered: Rendered) -> None:
    assert "@sha256:" in container_of(rendered(EVERYTHING))["image"]
    assert container_of(rendered(LEAST))["image"] == "underdog:0.1.0"


@needs_helm
@pytest.mark.parametrize(
    ("values", "named"),
    [
        ([], "UNDERDOG_MASTER_KEY"),
        ([*EVERYTHING, "--set", "secret.existing=keys"], "exclude each other"),
        ([*LEAST, "--set", "home.persistent.enabled=true"], "home.persistent is for one replica"),
        ([*LEAST, "--set", "autoscaling.enabled=true,autoscaling.minReplicas=11"], "above autoscaling.maxReplicas"),
        ([*LEAST, "--set", "replicas=3"], "replicas"),
        ([*LEAST, "--set", "image.digest=latest"], "digest"),
        ([*LEAST, "--set", "shutdown.graceSeconds=-1"], "graceSeconds"),
        ([*LEAST, "--set", "env[0].name=UNDERDOG_PORT", "--set-string", "env[0].value=80"], "env"),
    ],
)
def test_values_that_would_do_harm_are_refused(ask: Callable[..., Any], values: list[str], named: str) -> None:
    done = ask("template", "r", CHART, *values)
    assert done.returncode != 0
    assert named in done.stderr


@needs_helm
def test_an_install_says_what_replicas_lack_to_act_as_one(ask: Callable[..., Any]) -> None:
    dry = ("--namespace", "ours", "--dry-run=client")
    lacking = ask("install", "r", CHART, *dry, "--set", "secret.values.UNDERDOG_API_KEY=k")
    assert lacking.returncode == 0, lacking.stderr
    notes = lacking.stdout.partition("NOTES:")[2]
    assert "http://r-underdog.ours.svc/v1" in notes
    assert "UNDERDOG_DATABASE_URL is not among" in notes
    assert "UNDERDOG_REDIS_URL is not among" in notes
    assert "UNDERDOG_REDIS_URL is not" not in ask("install", "r", CHART, *dry, *EVERYTHING).stdout


def test_the_chart_is_of_the_projects_version(repository: Path) -> None:
    chart = yaml.safe_load((repository / CHART / "Chart.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert chart["appVersion"] == project["version"]


def test_the_schema_knows_every_value_and_no_other(repository: Path) -> None:
    values = yaml.safe_load((repository / CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((repository / CHART / "values.schema.json").read_text(encoding="utf-8"))
    assert set(schema["properties"]) - {"global"} == set(values)
