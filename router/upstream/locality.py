"""What of the upstreams is on this machine or its network: all that a request marked ``local-only`` may reach.

Local are the embedded LLM, and URLs with a loopback, private or link-local address or with a name that no public zone
has: one without a dot, or below ``.localhost``, ``.local``, ``.internal``, ``.lan`` or ``.home.arpa``. A model that
Ollama only passes on to its makers' cloud is not local, wherever Ollama is.

A name may lead elsewhere all the same: what it is looked up as is held to it when such a request connects, see
`router.upstream.connection_pool`.
"""

from __future__ import annotations

from collections.abc import Iterable

from router.errors import SettingsError
from router.upstream.base import Upstream
from router.upstream.embedded.upstream import ADDRESS as EMBEDDED
from router.upstream.pool import Pool
from router.upstream.providers import is_local

_PASSED_ON = ("-cloud", ":cloud")


def is_here(url: str, model: str | None) -> bool:
    """Whether a model at a URL is local, by the URL and the model's id alone."""
    return is_local(url) and not (model or "").lower().endswith(_PASSED_ON)


def local_part(upstream: Upstream | None) -> Upstream | None:
    """What of an upstream is local: itself, a pool of those members that are, or None."""
    if upstream is None:
        return None
    if isinstance(upstream, Pool):
        return upstream.among(lambda member: local_part(member) is not None)
    here = upstream.address == EMBEDDED or is_here(upstream.address, upstream.model)
    return upstream if here else None


def require_local(upstreams: Iterable[Upstream]) -> None:
    """Refuse upstreams that are not local, or not all of them.

    Raises:
        SettingsError: naming one of them.
    """
    for upstream in upstreams:
        if local_part(upstream) is not upstream:
            members = [member.upstream for member in upstream.members] if isinstance(upstream, Pool) else [upstream]
            elsewhere = next(member.name for member in members if local_part(member) is None)
            raise SettingsError(
                f"privacy: is local-only, and the upstream '{elsewhere}' is not on this machine or its network; "
                "take it out, or set `privacy` to any."
            )
