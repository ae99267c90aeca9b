"""Why Redis cannot be used, in words for the operator."""

from __future__ import annotations

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

CANNOT_BE_USED = (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
)
"""Replies after which it is no use to ask anything else. Other refusals concern one call alone."""

_WORDS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((AuthenticationError, AuthorizationError), "it refuses the user name or the password of redis_url"),
    ((NoPermissionError,), "the user of redis_url may not do what sharing needs; see docs/scaling.md for the rights"),
    ((ReadOnlyError,), "it is a replica that cannot be written to; redis_url must name the primary"),
    ((OutOfMemoryError,), "its memory is full; raise its maxmemory"),
    ((BusyLoadingError,), "it is loading its data"),
    (
        (MovedError, ClusterError),
        "it is one of a cluster, which is not supported; redis_url must name a single Redis",
    ),
)
MAX_CHARS = 200


def kind_of(error: Exception) -> str:
    """What tells one trouble from another: a connection that is closed and one that is refused are the same."""
    kinds = next((kinds for kinds, _ in _WORDS if isinstance(error, kinds)), None)
    if kinds is not None or isinstance(error, ResponseError):
        return type(error).__name__
    return "unreachable"


def reason_of(error: Exception, name: str) -> str:
    """A sentence without its full stop: which Redis, and what is wrong with it. Free of secrets.

    Args:
        error: of redis-py or of the operating system.
        name: where Redis is.
    """
    for kinds, words in _WORDS:
        if isinstance(error, kinds):
            return f"{name}: {words}"
    if isinstance(error, ResponseError):
        # What stands behind is our own: of AUTH, the password.
        said = str(error).partition(", with args")[0]
        return f"{name}: it replies '{said[:MAX_CHARS]}'"
    if isinstance(error, TimeoutError):
        return f"{name}: it does not answer in time (is the port right, and redis:// or rediss://, for TLS?)"
    if isinstance(error, RedisError | OSError) and str(error):
        return f"{name}: {str(error)[:MAX_CHARS].rstrip('.')}"
    return f"{name}: {type(error).__name__}"
