"""compose.yaml: hardened, complete, and nothing but the balancer reached from outside."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from router.settings import FIELDS, PREFIX
from tests.deploy.conftest import Tool
from tests.services.redis_server import RedisServer, redis_program

EXAMPLE = "deploy/compose/env.example"

Service = dict[str, Any]


@pytest.fixture(scope="module")
def composed(repository: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((repository / "compose.yaml").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def services(composed: dict[str, Any]) -> dict[str, Service]:
    return dict(composed["services"])


@pytest.fixture(scope="module")
def offered(repository: Path) -> set[str]:
    """The variables that the example of an .env has, those included that it leaves to be wished for."""
    return set(re.findall(r"^#?([A-Z_]+)=", (repository / EXAMPLE).read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.deployment
def test_the_file_is_one_that_compose_knows(tool: Tool) -> None:
    done = tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")
    assert done.returncode == 0, done.stdout


@pytest.mark.deployment
def test_every_page_of_yaml_is_tidy(tool: Tool) -> None:
    rules = (
        "{extends: default, rules: {line-length: {max: 140}, document-start: disable, braces: {max-spaces-inside: 0}, "
        "comments-indentation: disable}}"
    )
    pages = ["compose.yaml", "deploy/helm/underdog/values.yaml", "deploy/helm/underdog/Chart.yaml"]
    done = tool("yamllint", "--strict", "-d", rules, *pages, "deploy/helm/prometheus-adapter.yaml")
    assert done.returncode == 0, done.stdout


def test_no_service_has_rights_or_writes_to_its_image(services: dict[str, Service]) -> None:
    assert set(services) == {"balancer", "underdog", "redis", "postgres"}
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_every_service_says_whether_it_lives(services: dict[str, Service], repository: Path) -> None:
    silent = {name for name, service in services.items() if "healthcheck" not in service}
    assert silent == {"underdog"}
    assert "\nHEALTHCHECK " in (repository / "Dockerfile").read_text(encoding="utf-8")


def test_only_the_balancer_is_reached_and_only_from_this_machine(
    composed: dict[str, Any], services: dict[str, Service]
) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(published) == {"balancer"}
    assert all(port.startswith("127.0.0.1:") for port in published["balancer"])
    assert composed["networks"]["back"] == {"internal": True}
    assert services["redis"]["networks"] == services["postgres"]["networks"] == ["back"]


def test_compose_waits_for_longer_than_a_replica_takes_to_stop(services: dict[str, Service]) -> None:
    told = services["underdog"]["environment"]
    takes = float(told["UNDERDOG_SHUTDOWN_DELAY_S"]) + float(told["UNDERDOG_SHUTDOWN_GRACE_S"])
    for name in ("underdog", "balancer"):
        assert float(services[name]["stop_grace_period"].removesuffix("s")) >= takes + 5


def test_replicas_share_no_home(composed: dict[str, Any], services: dict[str, Service]) -> None:
    assert services["underdog"]["deploy"]["replicas"] == 2
    # A path alone is a volume of the container's own; with a name before it, one for all.
    assert services["underdog"]["volumes"] == ["/var/lib/underdog"]
    assert set(composed["volumes"]) == {"redis", "postgres"}


def test_every_variable_that_must_be_set_is_in_the_example(repository: Path, offered: set[str]) -> None:
    text = (repository / "compose.yaml").read_text(encoding="utf-8")
    required = set(re.findall(r"(?<!\$)\$\{([A-Z_]+):\?", text))
    assert required == {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}
    assert required <= offered


def test_every_setting_that_is_named_exists(services: dict[str, Service], offered: set[str]) -> None:
    named = {name for name in offered | set(services["underdog"]["environment"]) if name.startswith(PREFIX)}
    assert len(named) >= 7
    assert named - {PREFIX + name.upper() for name in FIELDS} == set()


class ComposedRedis(RedisServer):
    """Redis as compose.yaml starts it, but for its folder and its port."""

    def __init__(self, folder: Path, script: str) -> None:
        super().__init__(folder, program=redis_program())
        self._script = script.replace("--dir /data", f"--bind 127.0.0.1 --port {self.port} --dir {folder}")

    def command(self) -> list[str]:
        return ["env", "REDIS_PASSWORD=sesame", "sh", "-c", self._script.replace("redis-server", self._program)]

    async def answers(self) -> bool:
        try:
            return await self.ask("AUTH sesame", "PING") == "+PONG"
        except OSError:
            return False


async def test_redis_starts_as_told_wants_its_password_and_keeps_what_it_has(
    services: dict[str, Service], tmp_path: Path
) -> None:
    shell, option, script = services["redis"]["command"]
    assert (shell, option) == ("sh", "-c")
    assert "$$" in script
    server = ComposedRedis(tmp_path, script.replace("$$", "$"))
    await server.start()
    try:
        assert (await server.ask("PING")).startswith("-NOAUTH")
        await server.ask("AUTH sesame", "SET kept yes")
        await server.stop()
        await server.start()
        assert await server.ask("AUTH sesame", "DBSIZE") == ":1"
    finally:
        await server.kill()
