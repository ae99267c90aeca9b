"""docs/api.md: what the OpenAPI document says, and who may call what as the server has it."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from router.errors import ApiError
from tests.live import live_server

MASTER = "a-master-key-of-sixteen-signs-and-more"


@pytest.fixture(scope="module")
def page(repository: Path) -> dict[str, Any]:
    return runpy.run_path(str(repository / "docs" / "api_page.py"))


def test_the_page_is_what_the_document_says(repository: Path, page: dict[str, Any]) -> None:
    assert (repository / "docs" / "api.md").read_text(encoding="utf-8") == page["render"](), "run: make docs"


def test_every_error_of_ours_is_on_the_page(repository: Path) -> None:
    text = (repository / "docs" / "api.md").read_text(encoding="utf-8")

    def codes(error: type[ApiError]) -> set[str]:
        own = {error.default_code} if error.default_code else set()
        return own.union(*(codes(each) for each in error.__subclasses__()))

    assert [code for code in codes(ApiError) if f"`{code}`" not in text] == ["upstream_refused"]


async def test_who_may_call_what_is_as_a_closed_server_has_it(page: dict[str, Any], tmp_path: Path) -> None:
    asked = 0
    async with live_server(tmp_path, environ={"UNDERDOG_MASTER_KEY": MASTER}) as server, server.http() as http:
        master = {"authorization": f"Bearer {MASTER}"}
        made = await http.post("/admin/keys", json={"name": "of a test"}, headers=master)
        caller = {"authorization": f"Bearer {made.json()['key']}"}
        for method, path, _ in page["operations"](page["document"]()):
            url, who = re.sub(r"\{\w+\}", "nothing", path), page["access"](path)
            stranger = await http.request(method, url)
            assert (stranger.status_code == 401) is (who != page["ANYBODY"]), (method, path)
            known = await http.request(method, url, headers=caller)
            refused = known.status_code == 403 and known.json()["error"]["code"] == "admin_only"
            assert refused is (who in {page["OPERATOR"], page["MASTER"]}), (method, path)
            asked += 1
    assert asked > 25
