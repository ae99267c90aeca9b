"""``GET /console`` and its files. The page holds nothing of anybody's: whoever may not look gets no more than it."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import mimetypes
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from msgspec import Struct

from router.errors import NotFound

PAGE = Path(__file__).parent / "page"

CHARTS = ("uPlot.iife.js", "uPlot.min.css")
"""Files of the chart library, which lie in the package that brings them."""

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}


class File(Struct, frozen=True):
    """A file of the page: its bytes, its media type, and a tag that changes with it."""

    content: bytes
    media_type: str
    etag: str


@get("/console", include_in_schema=False)
async def console_page(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The page."""
    return _answer(request, files()["index.html"])


@get("/console/assets/{name:path}", include_in_schema=False)
async def console_asset(request: Request[Any, Any, Any], name: str) -> Response[bytes]:
    """A script, a style or a picture of the page."""
    file = files().get(name.lstrip("/"))
    if file is None:
        raise NotFound("There is no such file of the console.")
    return _answer(request, file)


def _answer(request: Request[Any, Any, Any], file: File) -> Response[bytes]:
    headers = {**HEADERS, "etag": file.etag}
    if request.headers.get("if-none-match") == file.etag:
        return Response(b"", status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


@functools.cache
def files() -> dict[str, File]:
    """Every file that there is, by the name that the page calls it by; read once, at the first question."""
    found = {path.relative_to(PAGE).as_posix(): path for path in PAGE.rglob("*") if path.is_file()}
    found |= {name: path for name in CHARTS if (path := _of_charts(name)) is not None}
    return {name: _read(path) for name, path in found.items()}


def _of_charts(name: str) -> Path | None:
    """A file of the chart library; None where its package is not installed, and then figures stand in tables alone."""
    package = importlib.util.find_spec("uplot")
    if package is None or not package.submodule_search_locations:
        return None
    path = Path(package.submodule_search_locations[0]) / "static" / name
    return path if path.is_file() else None


def _read(path: Path) -> File:
    content = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return File(content, kind, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
