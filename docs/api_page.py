"""Writes docs/api.md from the server's own OpenAPI document and its errors: ``python docs/api_page.py``."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from litestar.serialization import encode_json

from router.app import create_app
from router.errors import ApiError, UpstreamRefused
from router.settings import Settings

PAGE = Path(__file__).with_name("api.md")

HEAD = """\
# API

Written by `make docs` from the OpenAPI document that a server gives at `GET /openapi`, and from `router/errors.py`. The
base URL is `http://127.0.0.1:8787`; clients of OpenAI's take it with `/v1`. Bodies are JSON. What answers say in their
headers: [README](../README.md#point-your-client-at-it).

A key goes into `authorization: Bearer KEY`, `x-api-key` or `api-key`. Who may call what:

- *anybody*: no key is asked for;
- *callers*: the server's key or one of `underdog keys create`, each seeing its own; on an open server, anybody;
- *who runs the server*: the master key, or `UNDERDOG_API_KEY`; on an open server, anybody;
- *the master key*: nobody else ([keys.md](keys.md)).

What is bold must be given. Fields of requests to models that stand nowhere here are forwarded as they are.
"""

ANYBODY, CALLERS, OPERATOR, MASTER = "anybody", "callers", "who runs the server", "the master key"

ACCESS = (
    ("/admin", MASTER),
    ("/cache/stats", OPERATOR),
    ("/console/api", OPERATOR),
    ("/health", ANYBODY),
    ("/metrics", OPERATOR),
    ("/ready", ANYBODY),
)
"""Who may call what begins so, where it is not all callers. The tests ask a closed server about every path."""

ERRORS = """\
Every error has OpenAI's shape, `{"error": {"message", "type", "param", "code"}}`; below `/v1/messages` Anthropic's.
What an upstream refuses keeps its status and code ([reliability.md](reliability.md))."""

METHODS = ("get", "post", "put", "patch", "delete")

TITLES = {
    "chat": "Chat",
    "responses": "Responses",
    "completions": "Completions of a prompt",
    "embeddings": "Embeddings",
    "models": "Models",
    "status": "How it fares",
    "cache": "The cache",
    "admin": "Keys and teams",
}


def document() -> dict[str, Any]:
    """The OpenAPI document of a server that asks nobody."""
    with tempfile.TemporaryDirectory() as home:
        app = create_app(Settings(home=home, cache=False, privacy="local-only"), environ={})
        found: dict[str, Any] = json.loads(encode_json(app.openapi_schema.to_schema()))
    return found


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and what is said of them, in the document's order."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def access(path: str) -> str:
    """Who may call a path."""
    return next((who for prefix, who in ACCESS if path.startswith(prefix)), CALLERS)


def kind(schema: Mapping[str, Any]) -> str:
    """A schema in a word or two."""
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    several = [kind(each) for each in schema.get("oneOf", ()) if each.get("type") != "null"]
    if several:
        return " or ".join(dict.fromkeys(several))
    if schema.get("minimum") == 0 and schema.get("maximum") == 1:
        return "0 to 1"
    names = {"integer": "whole number", "boolean": "true or false", "array": "list", "string": "text"}
    said = str(schema.get("type", "anything"))
    return names.get(said, said)


def fields(schema: Mapping[str, Any]) -> str:
    """The properties of a body, in one line."""
    required = set(schema.get("required", ()))
    named = [
        (f"**`{name}`**" if name in required else f"`{name}`") + f" ({kind(each)})"
        for name, each in schema.get("properties", {}).items()
    ]
    return ", ".join(named)


def answered(operation: Mapping[str, Any]) -> str | None:
    """The name of the shape of a successful answer; None where the document gives none."""
    for status, response in operation.get("responses", {}).items():
        schema = response.get("content", {}).get("application/json", {}).get("schema", {})
        if status.startswith("2") and "$ref" in schema:
            return kind(schema)
    return None


class Shapes:
    """The answers' fields. What several operations answer stands once, under a name.

    Args:
        document: the OpenAPI document.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._schemas = document["components"]["schemas"]
        names = [answered(operation) for _, _, operation in operations(document)]
        self.shared = [name for name in dict.fromkeys(names) if name is not None and names.count(name) > 1]

    def fields(self, name: str) -> str:
        """The names of an answer's fields."""
        return ", ".join(f"`{field}`" for field in self._schemas[name].get("properties", {}))

    def line(self, name: str) -> str:
        """An answer in one line."""
        return f"[{name}](#shapes)" if name in self.shared else self.fields(name)

    def table(self) -> str:
        """The shapes that stand under a name."""
        lines = [f"| {name} | {self.fields(name)} |" for name in self.shared]
        return "| shape | fields |\n|---|---|\n" + "\n".join(lines)


def section(method: str, path: str, operation: Mapping[str, Any], shapes: Shapes) -> str:
    """What stands of one operation."""
    given: dict[str, list[str]] = {}
    for parameter in operation.get("parameters", ()):
        mark = "**" if parameter.get("required") else ""
        given.setdefault(parameter["in"], []).append(f"{mark}`{parameter['name']}`{mark}")
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body is not None:
        given["body"] = [fields(body)]
    if (answer := answered(operation)) is not None:
        given["answer"] = [shapes.line(answer)]
    lines = [f"### `{method} {path}`", "", f"{operation['summary']}. For {access(path)}.", ""]
    listed = [f"- {place}: {', '.join(names)}" for place, names in given.items()]
    return "\n".join(lines + listed + ([""] if listed else []))


def parameters(document: Mapping[str, Any]) -> str:
    """What every parameter says, each once."""
    rows: dict[tuple[str, str], str] = {}
    for _, _, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            about = parameter.get("description", "").replace("|", "\\|")
            if about:
                rows.setdefault((parameter["name"], about), f"{parameter['in']} | {kind(parameter['schema'])}")
    lines = [f"| `{name}` | {where} | {about} |" for (name, about), where in rows.items()]
    return "| name | where | value | what it does |\n|---|---|---|---|\n" + "\n".join(lines)


def errors() -> str:
    """Every error that a caller may see, by status."""
    rows = sorted((each.status, each.default_code or "", _sentence(each)) for each in _below(ApiError))
    lines = [f"| {status} | {f'`{code}`' if code else 'none'} | {about} |" for status, code, about in rows]
    return "| status | code | what happened |\n|---|---|---|\n" + "\n".join(lines)


def _below(error: type[ApiError]) -> Iterator[type[ApiError]]:
    for each in error.__subclasses__():
        if each is not UpstreamRefused:  # has the upstream's own status and code
            yield each
        yield from _below(each)


def _sentence(error: type[ApiError]) -> str:
    """The first sentence of what an error says of itself, or of it what stands before a semicolon."""
    first = " ".join((error.__doc__ or "").split()).replace("``", "`")
    return re.split(r"[.;](?:\s|$)", first)[0]


def render() -> str:
    """The whole page."""
    described = document()
    shapes = Shapes(described)
    by_tag: dict[str, list[str]] = {}
    for method, path, operation in operations(described):
        tag = operation.get("tags", ["other"])[0]
        by_tag.setdefault(tag, []).append(section(method, path, operation, shapes))
    parts = [HEAD]
    parts += [f"## {TITLES.get(tag, tag.capitalize())}\n\n" + "\n".join(each) for tag, each in by_tag.items()]
    parts.append(f"## Shapes\n\n{shapes.table()}\n")
    parts.append(f"## Parameters\n\n{parameters(described)}\n")
    parts.append(f"## Errors\n\n{ERRORS}\n\n{errors()}\n")
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
