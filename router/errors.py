"""Every error that Underdog raises on purpose, in one tree.

::

    UnderdogError
    ├── SettingsError             the configuration cannot be used (start-up)
    ├── ArtifactError             the artifact is missing, damaged or does not replay (start-up)
    ├── EmbeddedModelError        the embedded LLM cannot be fetched or started
    ├── OllamaError               Ollama cannot be asked, or cannot do what it was asked for (commands)
    ├── DataError                 training or evaluation input cannot be used
    ├── ClusterError              the Dask cluster that training was given cannot be used, or failed
    ├── LedgerError               the ledger failed
    ├── PriceListError            a price list cannot be fetched or read; the one in use stays
    ├── DatabaseError             SQLite or PostgreSQL cannot be used
    │   └── ValueRefused              it is well, but does not take what was to be written
    ├── SharedStateAway           Redis cannot be asked; who hears of it goes on with what this process knows
    ├── CacheError                the cache's file cannot be used (commands; a server goes on without it)
    └── ApiError                  anything that an API caller sees, with its HTTP status
        ├── InvalidRequest        400: the request is wrong; ``param`` names the field
        │   ├── UnsupportedByModel    no model that may answer takes what the field asks for
        │   └── ContextLengthExceeded the prompt fits into no model that may answer
        ├── Unauthenticated       401: no key, or one that we do not know
        ├── Forbidden             403: a web page of another site, on a server without a key
        ├── ModelNotAllowed       403: the key may not ask for this model
        ├── AdminOnly             403: only the master key may do this
        ├── LocalOnly             403: the request is to stay on this machine, and no model there takes it
        ├── RefusedByRule         403: a rule or the hook of the operator's says no
        ├── UnknownModel          404: the ``model`` names nothing we serve
        ├── NotFound              404: no such path
        ├── UnknownRequest        404: the id names no request of the caller's
        ├── UnknownEntry          404: the id names no cached answer of the caller's
        ├── UnknownAccount        404: the id names no key, or no team
        ├── MethodNotAllowed      405: the path exists, the method does not
        ├── CannotApply           409: the server's settings do not let it be changed here
        ├── NotCached             404: the model was `cache`, and there is no cached answer
        ├── OnlyIfCached          504: the same, asked for by `cache-control: only-if-cached`
        ├── BodyTimeout           408: the body stopped coming
        ├── BodyTooLarge          413
        ├── HeadersTooLarge       431
        ├── TooManyRequests       429: the server answers as many requests as it may at once
        ├── RateLimited           429: a limit of the key, its team or the server is reached
        ├── InsufficientQuota     429: a budget is spent
        ├── KeysUnavailable       503: the database of keys is away
        ├── BudgetUnknown         503: the ledger does not say what was spent of a budget
        ├── NoUpstream            503: nothing is configured or ready that could answer
        ├── LedgerUnavailable     503: the ledger's database is away, and something was to be read from it
        ├── ShuttingDown          503: the server stopped before the answer was complete
        ├── InternalError         500: a fault of ours; details go to the log, not to the caller
        ├── HookFailed            500: the operator's hook gave no usable answer
        └── UpstreamError         502: the upstream failed to give an answer
            ├── UpstreamUnreachable   502: no connection
            ├── UpstreamTimeout       504: connected, then silence
            ├── UpstreamBroken        502: it answered with something that is no answer, or stopped midway
            ├── UpstreamUnavailable   503: nobody is asked, since all of its deployments rest or are busy
            └── UpstreamRefused       the upstream's own 4xx/5xx; see there for the status that our caller sees

Foreign exceptions are translated into these where they enter. ``ApiError.payload`` is the one place that
gives them OpenAI's shape.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import msgspec

UNREADABLE_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding a stranger's JSON may raise: no JSON, another shape, bytes that are no text, nested without end."""


class UnderdogError(Exception):
    """Root of all errors raised on purpose. ``str(error)`` is a sentence for the person who must act."""


class SettingsError(UnderdogError):
    """The configuration cannot be used; the message names the setting, where it came from, and the remedy."""


class ArtifactError(UnderdogError):
    """The classifier artifact is missing, damaged, of an unknown format, or its golden rows do not replay."""


class EmbeddedModelError(UnderdogError):
    """The embedded LLM cannot be fetched, verified or started."""


class OllamaError(UnderdogError):
    """Ollama cannot be asked, or cannot do what it was asked for; the message says what to do."""


class DataError(UnderdogError):
    """Training or evaluation input cannot be used; the message names the file and the remedy."""


class ClusterError(UnderdogError):
    """The Dask cluster that training was given cannot be used, or failed; the message says what to do."""


class LedgerError(UnderdogError):
    """The ledger failed to open, read or write."""


class PriceListError(UnderdogError):
    """A price list cannot be fetched, read or kept; whichever was in use stays so."""


class DatabaseError(UnderdogError):
    """SQLite or PostgreSQL cannot be used; the message names it, without a password, and the remedy."""


class ValueRefused(DatabaseError):
    """The database is well, but a value cannot be written: it breaks a constraint, or does not fit its column."""


class SharedStateAway(UnderdogError):
    """Redis cannot be asked just now. No request fails by it: this process goes on with what it knows itself."""


class CacheError(UnderdogError):
    """The cache's file, or what is wanted of it, cannot be had; for commands. No request ever fails by it."""


class ApiError(UnderdogError):
    """An error with an HTTP status and OpenAI's four fields.

    Args:
        message: what went wrong and what to do about it, safe to show to the caller.
        param: the request field or query parameter at fault, if there is one.
        code: a machine-readable code; the class default otherwise.
    """

    status: int = 500
    type: ClassVar[str] = "api_error"
    default_code: ClassVar[str | None] = None

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or self.default_code

    @property
    def headers(self) -> dict[str, str]:
        """HTTP headers that belong to this error, such as ``allow`` or ``retry-after``."""
        return {}

    def payload(self) -> dict[str, Any]:
        """The JSON body, in OpenAI's error shape."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return {"error": error}


class InvalidRequest(ApiError):
    """The caller's request is wrong; ``param`` names the field."""

    status = 400
    type = "invalid_request_error"


class UnsupportedByModel(InvalidRequest):
    """No model that may answer takes what the request needs; ``param`` names the field that asks for it."""

    default_code = "unsupported_by_model"


class ContextLengthExceeded(InvalidRequest):
    """The prompt is longer than the window of every model that may answer."""

    default_code = "context_length_exceeded"


class Unauthenticated(ApiError):
    """No API key, or one that we do not know."""

    status = 401
    type = "invalid_request_error"
    default_code = "invalid_api_key"

    @property
    def headers(self) -> dict[str, str]:
        """The challenge that a 401 owes."""
        return {"www-authenticate": "Bearer"}


class Forbidden(ApiError):
    """A web page of another site reached for a server that is open."""

    status = 403
    type = "invalid_request_error"
    default_code = "cross_site_request"


class ModelNotAllowed(ApiError):
    """The caller's key may not ask for this model."""

    status = 403
    type = "invalid_request_error"
    default_code = "model_not_allowed"


class AdminOnly(ApiError):
    """Only the master key may do this."""

    status = 403
    type = "invalid_request_error"
    default_code = "admin_only"


class LocalOnly(ApiError):
    """The request is to stay on this machine and its network, and no model there may answer it."""

    status = 403
    type = "invalid_request_error"
    default_code = "local_only"


class RefusedByRule(ApiError):
    """The operator's own rules do not let this request through. ``rule`` is the rule's name."""

    status = 403
    type = "invalid_request_error"
    default_code = "refused_by_rule"

    def __init__(self, message: str, *, rule: str) -> None:
        super().__init__(message)
        self.rule = rule

    @property
    def headers(self) -> dict[str, str]:
        """Which rule it was."""
        return {"x-router-rule": self.rule}


class UnknownModel(ApiError):
    """The ``model`` field names nothing that this server offers."""

    status = 404
    type = "invalid_request_error"
    default_code = "model_not_found"


class NotFound(ApiError):
    """No such path."""

    status = 404
    type = "invalid_request_error"
    default_code = "unknown_url"


class UnknownRequest(ApiError):
    """The id names no request that the caller made."""

    status = 404
    type = "invalid_request_error"
    default_code = "request_not_found"


class UnknownEntry(ApiError):
    """The id names no cached answer of the caller's, or more than one."""

    status = 404
    type = "invalid_request_error"
    default_code = "entry_not_found"


class UnknownAccount(ApiError):
    """The id names no key, or no team."""

    status = 404
    type = "invalid_request_error"
    default_code = "account_not_found"


class CacheLoading(ApiError):
    """The cache still reads its file: what is let go of now could come back from there."""

    status = 503
    default_code = "cache_loading"


class MethodNotAllowed(ApiError):
    """The path exists, the method does not. ``allow`` lists those that do, as the header of that name has them."""

    status = 405
    type = "invalid_request_error"
    default_code = "method_not_allowed"

    def __init__(self, message: str, *, allow: str | None = None) -> None:
        super().__init__(message)
        self.allow = allow

    @property
    def headers(self) -> dict[str, str]:
        """The methods that the path has, which a 405 owes."""
        return {"allow": self.allow} if self.allow else {}


class CannotApply(ApiError):
    """What was asked for cannot be changed here: the settings are as they are; the message says what to do instead."""

    status = 409
    type = "invalid_request_error"
    default_code = "cannot_apply"


class BodyTimeout(ApiError):
    """The request body stopped coming before it was complete."""

    status = 408
    type = "invalid_request_error"
    default_code = "request_timeout"


class HeadersTooLarge(ApiError):
    """The request line and headers are larger than the server accepts."""

    status = 431
    type = "invalid_request_error"
    default_code = "headers_too_large"


class BodyTooLarge(ApiError):
    """The request body is larger than the server accepts."""

    status = 413
    type = "invalid_request_error"
    default_code = "request_too_large"


class NotCached(ApiError):
    """The caller asked for the model ``cache``, and there is no cached answer."""

    status = 404
    type = "invalid_request_error"
    default_code = "not_cached"


class OnlyIfCached(ApiError):
    """The caller's ``cache-control`` allows only a cached answer, and there is none. The status is that of RFC 9111."""

    status = 504
    type = "invalid_request_error"
    default_code = "only_if_cached"


class TooManyRequests(ApiError):
    """The server answers as many requests as it may at once; this one was turned away before it was read."""

    status = 429
    default_code = "too_many_requests"

    @property
    def headers(self) -> dict[str, str]:
        """When to try again: some request or other will have ended by then."""
        return {"retry-after": "1"}


class RateLimited(ApiError):
    """A limit of the caller's key, its team or the server is reached.

    Args:
        message: which limit of whose, and when there is room again.
        retry_after_s: seconds until then; infinite where it never fits.
        limits: the ``x-ratelimit-*`` headers as they stand.
        kind: what there is too much of, which is the error's type, as OpenAI has it.
    """

    status = 429
    default_code = "rate_limit_exceeded"

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float,
        limits: Mapping[str, str],
        kind: Literal["requests", "tokens"] = "requests",
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.limits = dict(limits)
        self.kind = kind

    @property
    def headers(self) -> dict[str, str]:
        """The limits, and when to try again: whole seconds, and the milliseconds that OpenAI's clients read first."""
        if math.isinf(self.retry_after_s):
            return {"x-should-retry": "false", **self.limits}
        wait = {"retry-after": str(max(1, math.ceil(self.retry_after_s)))}
        return wait | {"retry-after-ms": str(math.ceil(self.retry_after_s * 1000))} | self.limits

    def payload(self) -> dict[str, Any]:
        """The JSON body, in OpenAI's error shape."""
        error = super().payload()["error"]
        return {"error": {**error, "type": self.kind}}


class InsufficientQuota(ApiError):
    """A budget of the caller's key, its team or the server is spent.

    Args:
        message: whose budget, and when the next period begins.
        retry_after_s: seconds until then.
    """

    status = 429
    type = "insufficient_quota"
    default_code = "insufficient_quota"

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        """When the next period begins. OpenAI's clients wait a minute at most, so that they do not ask again."""
        return {"retry-after": str(max(1, math.ceil(self.retry_after_s))), "x-should-retry": "false"}


class KeysUnavailable(ApiError):
    """The database of keys and teams is away: an unknown key cannot be judged, and nothing can be changed."""

    status = 503
    default_code = "keys_unavailable"

    @property
    def headers(self) -> dict[str, str]:
        """When to try again: the database is looked for every second."""
        return {"retry-after": "1"}


class BudgetUnknown(ApiError):
    """The ledger does not say what was spent of a budget that the request counts against."""

    status = 503
    default_code = "budget_unknown"

    @property
    def headers(self) -> dict[str, str]:
        """When to try again: databases come back."""
        return {"retry-after": "1"}


class NoUpstream(ApiError):
    """Nothing is configured, or nothing is ready, that could answer this request."""

    status = 503
    default_code = "no_upstream"


class LedgerUnavailable(ApiError):
    """The ledger's database is away, and something was to be read from it or rated in it. The log knows more."""

    status = 503
    default_code = "ledger_unavailable"

    @property
    def headers(self) -> dict[str, str]:
        """When to try again."""
        return {"retry-after": "5"}


class ShuttingDown(ApiError):
    """The server was told to stop, and the answer did not finish within the grace period."""

    status = 503
    default_code = "shutting_down"


class InternalError(ApiError):
    """A fault of ours. The caller sees only the request id; the log has the rest."""

    status = 500
    default_code = "internal_error"


class HookFailed(ApiError):
    """The operator's hook raised, or gave something that is no override, and ``hook_required`` is on."""

    status = 500
    default_code = "hook_failed"


KEY_REJECTED = "upstream_key_rejected"
NOT_READY = "upstream_not_ready"
"""Codes of an `UpstreamError` that say more than its class."""


class UpstreamError(ApiError):
    """The upstream failed to give an answer. ``upstream`` is its configured name, never its URL or key.

    ``attempts``: how often somebody was asked before it was given up.
    """

    status = 502
    default_code = "upstream_error"
    attempts = 1

    def __init__(self, message: str, *, upstream: str, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.upstream = upstream


class UpstreamUnreachable(UpstreamError):
    """No connection to the upstream could be made."""

    default_code = "upstream_unreachable"


class UpstreamTimeout(UpstreamError):
    """The upstream accepted the request and then stayed silent for too long."""

    status = 504
    default_code = "upstream_timeout"


class UpstreamBroken(UpstreamError):
    """The upstream sent something that is no answer, or stopped in the middle of one."""

    default_code = "upstream_broken"


class UpstreamUnavailable(UpstreamError):
    """Nobody was asked: every deployment rests after failures, or answers as many requests as it may.

    Args:
        message: why.
        upstream: the configured name of the upstream.
        retry_after: seconds until somebody may be asked, as the header of that name has it.
    """

    status = 503
    default_code = "upstream_unavailable"

    def __init__(self, message: str, *, upstream: str, retry_after: str) -> None:
        super().__init__(message, upstream=upstream)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """When to try again."""
        return {"retry-after": self.retry_after}


def status_for_caller(upstream_status: int) -> int:
    """The status to pass on: a 5xx of an upstream is a gateway's 502, 503 or 504, never a fault of ours (500)."""
    if upstream_status < 500 or upstream_status in {502, 503, 504}:
        return upstream_status
    return 503 if upstream_status == 529 else 502


class UpstreamRefused(UpstreamError):
    """The upstream answered with an error status of its own; it is passed on, see ``status_for_caller``.

    Args:
        message: the upstream's own message.
        upstream: the configured name of the upstream.
        status: its HTTP status, 400..599; kept as ``upstream_status``.
        body: its error object where it was OpenAI-shaped, else None.
        retry_after: its ``Retry-After`` header, if any.
    """

    default_code = "upstream_refused"

    def __init__(
        self,
        message: str,
        *,
        upstream: str,
        status: int,
        body: dict[str, Any] | None = None,
        retry_after: str | None = None,
    ) -> None:
        super().__init__(message, upstream=upstream)
        self.status = status_for_caller(status)
        self.upstream_status = status
        self.body = body
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """The upstream's own ``Retry-After``."""
        return {"retry-after": self.retry_after} if self.retry_after else {}

    def payload(self) -> dict[str, Any]:
        """The upstream's own error object where it sent one."""
        return {"error": self.body} if self.body else super().payload()
