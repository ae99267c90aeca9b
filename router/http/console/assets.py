"""``GET /console`` and its files. The page holds nothing of anybody's: whoever may not look gets no more than it."""

from __future__ import annotations

import functools
import gzip
import hashlib
import importlib.util
import mimetypes
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath
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


MIN_PACKED_BYTES = 1000
"""Below, packing saves no packet."""


class File(Struct, frozen=True):
    """A file of the page: its bytes, as they are and by gzip (None where that gains nothing), its media type, a tag."""

    content: bytes
    packed: bytes | None
    media_type: str
    etag: str


@get("/console", include_in_schema=False)
async def console_page(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The page. It names its files from where it lies, so that by an address that ends with a stroke none is found."""
    if request.scope["raw_path"].endswith(b"/"):
        return Response(b"", status_code=308, headers={**HEADERS, "location": "../console"})
    return _answer(request, files()["index.html"])


@get("/console/assets/{name:path}", include_in_schema=False)
async def console_asset(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """A script, a style or a picture of the page."""
    file = files().get(name.lstrip("/"))
    if file is None:
        raise NotFound("There is no such file of the console.")
    return _answer(request, file)


def _answer(request: Request[Any, Any, Any], file: File) -> Response[bytes]:
    packed = file.packed if "gzip" in request.headers.get("accept-encoding", "") else None
    etag = file.etag if packed is None else f'{file.etag[:-1]}-gzip"'
    headers = {**HEADERS, "etag": etag, "vary": "accept-encoding"}
    if request.headers.get("if-none-match") == etag:
        return Response(b"", status_code=304, headers=headers)
    if packed is not None:
        headers["content-encoding"] = "gzip"
    return Response(file.content if packed is None else packed, media_type=file.media_type, headers=headers)


@functools.cache
def files() -> dict[str, File]:
    """Every file that there is, by the name that the page calls it by; read once, at the first question."""
    found = {path.relative_to(PAGE).as_posix(): path for path in PAGE.rglob("*") if path.is_file()}
    charts = {name: path for name in CHARTS if (path := _of_charts(name)) is not None}
    contents = {name: path.read_bytes() for name, path in (found | charts).items()}
    contents["index.html"] = _without(contents["index.html"], [name for name in CHARTS if name not in charts])
    return {name: _file(name, content) for name, content in contents.items()}


def _of_charts(name: str) -> Path | None:
    """A file of the chart library; None where its package is not installed, and then figures stand in tables alone."""
    package = importlib.util.find_spec("uplot")
    if package is None or not package.submodule_search_locations:
        return None
    path = Path(package.submodule_search_locations[0]) / "static" / name
    return path if path.is_file() else None


def _without(page: bytes, missing: list[str]) -> bytes:
    """The page without the lines that ask for files which are not there."""
    lines = page.splitlines(keepends=True)
    return b"".join(line for line in lines if not any(name.encode() in line for name in missing))


def _file(name: str, content: bytes) -> File:
    packed = gzip.compress(content, mtime=0) if len(content) >= MIN_PACKED_BYTES else None
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return File(content, packed, kind, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
