"""What an upstream's bad news mean for our caller: error statuses, and errors dressed as answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec

from router.errors import KEY_REJECTED, UNREADABLE_JSON, UpstreamBroken, UpstreamError, UpstreamRefused
from router.types import Endpoint
from router.upstream.faults import FILTERED, TOO_LONG, fault_of

MAX_ERROR_BYTES = 64 * 1024
"""How much of an error answer is read."""

MAX_DETAIL_CHARS = 1000
"""How much of an upstream's own sentence goes into ours."""

LEAST_SECRET_CHARS = 8
"""A shorter word in a header, such as a team's name, is none."""

MAX_DEPTH = 16
"""How deep an error object is passed on."""

Secrets = tuple[str, ...]

_KEY_REJECTED = (401, 403)


def refusal(
    response: httpx.Response, body: bytes, *, upstream: str, secrets: Secrets, key_setting: str
) -> UpstreamError:
    """The error to raise for a response whose status is not 200.

    Args:
        response: status and headers.
        body: the beginning of its body.
        upstream: the configured name of the upstream.
        secrets: blotted out wherever the upstream quotes one.
        key_setting: the setting that holds the upstream's key, named where the key was rejected.
    """
    status = response.status_code
    error = blotted(error_object(body), secrets)
    message = error_message(error) or f"The {upstream} upstream answered with status {status}."
    refused = UpstreamRefused(message, upstream=upstream, status=status, body=error, retry_after=_retry_after(response))
    if status in _KEY_REJECTED and fault_of(refused) is FILTERED:
        # OpenRouter and xAI answer 403 where a filter refuses; our caller's own access is not what is meant.
        refused.status = 400
        return refused
    if status in _KEY_REJECTED:
        # Passed on as it is, our caller would take it for a verdict on their own key.
        message = f"The {upstream} upstream refused access with status {status}; check the key in {key_setting}."
        return UpstreamError(message, upstream=upstream, code=KEY_REJECTED)
    if not 400 <= status <= 599:
        what = "a redirect; set its URL to the final address" if 300 <= status < 400 else "no chat answer"
        return UpstreamBroken(f"The {upstream} upstream answered with status {status}: {what}.", upstream=upstream)
    return refused


def secrets_of(key: str, headers: Mapping[str, str], base_url: str) -> Secrets:
    """What an upstream is told and callers never: the key, and what is long enough for one in headers and the query."""
    query = [value for _, value in parse_qsl(urlsplit(base_url).query)]
    words = [word for text in (*headers.values(), *query) for word in text.split()]
    found = [*((key,) if key else ()), *(word for word in words if len(word) >= LEAST_SECRET_CHARS)]
    return tuple(sorted(dict.fromkeys(found), key=len, reverse=True))


def blotted(said: Any, secrets: Secrets, *, depth: int = MAX_DEPTH) -> Any:
    """The same without the secrets in it: looked for behind the escapes of JSON, which has several for a character.

    What lies deeper than ``depth`` is left out.
    """
    if isinstance(said, str):
        for secret in secrets:
            said = said.replace(secret, "***")
        return said
    if isinstance(said, list | dict) and not depth:
        return None
    if isinstance(said, list):
        return [blotted(item, secrets, depth=depth - 1) for item in said]
    if isinstance(said, dict):
        return {blotted(name, secrets): blotted(value, secrets, depth=depth - 1) for name, value in said.items()}
    return said


def require_chat(endpoint: Endpoint, *, upstream: str, model: str) -> None:
    """For upstreams that have no other endpoint: refuse as a server does that has no such path.

    Raises:
        UpstreamRefused: 404.
    """
    if endpoint != "chat/completions":
        raise UpstreamRefused(f"The model '{model}' answers chat requests only.", upstream=upstream, status=404)


def error_in_answer(error: Any, upstream: str, secrets: Secrets = ()) -> UpstreamError:
    """The error to raise where an upstream put an error object into an answer with status 200; ``secrets`` as above.

    OpenRouter and others put the status that they mean into its ``code``: it is taken at its word.
    """
    error = blotted(error, secrets)
    detail = (error_message(error) or "no details")[:MAX_DETAIL_CHARS]
    message = f"The {upstream} upstream answered with an error: {detail}"
    meant = error.get("code") if isinstance(error, Mapping) else None
    if isinstance(meant, int) and 400 <= meant <= 599 and meant not in _KEY_REJECTED:
        return UpstreamRefused(message, upstream=upstream, status=meant)
    broken = UpstreamBroken(message, upstream=upstream)
    said = {field: error.get(field) for field in ("type", "code")} if isinstance(error, Mapping) else {}
    body = {"message": detail, "type": "upstream_error", "param": None, "code": None} | said
    refused = UpstreamRefused(detail, upstream=upstream, status=400, body=body)
    return refused if fault_of(refused) in {TOO_LONG, FILTERED} else broken


def _retry_after(response: httpx.Response) -> str | None:
    """The header of that name; or OpenAI's and Azure's finer one, in whole seconds."""
    given: str | None = response.headers.get("retry-after")
    if given is None and (finer := response.headers.get("retry-after-ms", "")).isdecimal():
        return str(math.ceil(int(finer[:9]) / 1000))
    return given


def error_object(body: bytes) -> dict[str, Any] | None:
    """The error object of an error answer with OpenAI's four fields filled in, or None where there is none."""
    try:
        decoded = msgspec.json.decode(body)
    except UNREADABLE_JSON:
        return None
    if isinstance(decoded, list) and len(decoded) == 1:  # Gemini wraps its error into a list
        decoded = decoded[0]
    if not isinstance(decoded, dict):
        return None
    error = decoded.get("error") or _invalid_fields(decoded)
    if error is None:  # vLLM before 0.10, Mistral, Cohere: the object itself
        error = {field: decoded[field] for field in ("message", "type", "param", "code") if field in decoded}
    if isinstance(error, str):
        error = {"message": error}
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return None
    return {"type": "upstream_error", "param": None, "code": None} | error


def _invalid_fields(decoded: dict[str, Any]) -> str | None:
    """What a validator in FastAPI's manner says, as Mistral's and vLLM's do: fields and reasons, never values."""
    said = decoded.get("message")
    detail = (said if isinstance(said, dict) else decoded).get("detail")
    found = [each for each in detail if isinstance(each, dict)] if isinstance(detail, list) else []
    places = [".".join(map(str, each["loc"])) if isinstance(each.get("loc"), list) else "body" for each in found]
    reasons = [f"'{place}': {each.get('msg')}" for place, each in zip(places, found, strict=True)]
    return "; ".join(reasons)[:MAX_DETAIL_CHARS] or None


def error_message(error: Any) -> str | None:
    """The sentence in an error object or in a bare error string, or None."""
    if isinstance(error, Mapping):
        error = error.get("message")
    return error if isinstance(error, str) and error else None
