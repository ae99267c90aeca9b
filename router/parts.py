"""What answers requests, joined from the settings: each request takes it once and keeps it, whatever replaces it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from router.asking import Asker, Fallbacks, fallbacks_of
from router.deciding import Decider
from router.embeddings import Embeddings
from router.metrics import Metrics
from router.settings import Settings
from router.sticky import InMemory, Memory
from router.terms import Ways, ways_of
from router.upstream.base import Upstream
from router.upstream.build import Upstreams, build_upstreams
from router.upstream.embedded.upstream import EmbeddedUpstream
from router.upstream.embeddings import embeddings_upstream
from router.upstream.locality import local_part
from router.upstream.pool import Pool


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the settings make of upstreams and of the ways in which requests are decided.

    ``embeddings``: the upstream that is configured for them; ``embeddings_model``: what it is asked for.
    ``private``: whether nothing beyond this machine and its network may be reached, whoever asks.
    """

    upstreams: Upstreams
    ways: Ways
    fallbacks: Fallbacks = field(default_factory=Fallbacks)
    embeddings: Upstream | None = None
    embeddings_model: str | None = None
    private: bool = False

    @property
    def all(self) -> list[Upstream]:
        """Every upstream that there is from the start."""
        return self.upstreams.configured + ([self.embeddings] if self.embeddings is not None else [])

    def with_ways(self, ways: Ways, settings: Settings) -> Wiring:
        """The same upstreams, asked in these ways.

        Raises:
            SettingsError: a rule leads nowhere.
        """
        Decider(upstreams=self.upstreams, ways=ways)
        return replace(self, ways=ways, fallbacks=fallbacks_of(settings, self.upstreams))

    def only_local(self) -> Wiring:
        """The same without anything that is not on this machine or its network: what is not there cannot be asked."""
        return replace(
            self,
            upstreams=self.upstreams.only_local(),
            embeddings=None if self.embeddings is None else local_part(self.embeddings),
        )


def wiring_of(
    settings: Settings,
    environ: Mapping[str, str],
    memory: Memory | None = None,
    *,
    embedded: EmbeddedUpstream | None = None,
) -> Wiring:
    """Choose and configure all that answers. Connects to nobody and starts nothing.

    Args:
        settings: of the server.
        environ: where provider keys are looked for.
        memory: of who answered which conversation; None begins one.
        embedded: an embedded LLM that runs already, to be used where it is of the kind that is wanted.

    Raises:
        SettingsError: the settings contradict each other, or name what is not there.
    """
    upstreams = build_upstreams(settings, environ, embedded=embedded)
    ways = ways_of(settings, memory or InMemory(time.monotonic))
    own = embeddings_upstream(settings, environ)
    wiring = Wiring(
        upstreams=upstreams,
        ways=ways,
        embeddings=own,
        embeddings_model=settings.embeddings_model,
        private=settings.privacy == "local-only",
    )
    return wiring.with_ways(ways, settings)


class Parts:
    """A wiring, joined.

    Args:
        wiring: what there is.
        metrics: where fallbacks are counted.
        embeds: whether anybody may be asked for embeddings but who is configured for them.
        strict: whether a rule that leads nowhere is refused.

    Attributes:
        users: requests that are choosing whom to ask; who has chosen counts at the upstream.
    """

    def __init__(self, wiring: Wiring, metrics: Metrics, *, embeds: bool = True, strict: bool = True) -> None:
        self.wiring = wiring
        self.users = 0
        self.decider = decider = Decider(upstreams=wiring.upstreams, ways=wiring.ways, strict=strict)
        self.asker = Asker(
            upstreams=wiring.upstreams,
            metrics=metrics,
            fallbacks=wiring.fallbacks,
            window=lambda upstream: decider.abilities(upstream).context,
            may_answer=decider.may_answer,
            expected_cost=decider.expected_cost,
        )
        self.embeddings = Embeddings(
            own=wiring.embeddings,
            model=wiring.embeddings_model,
            upstreams=wiring.upstreams if embeds else Upstreams(weak=None, strong=None),
            prices=wiring.ways.prices,
        )

    @property
    def busy(self) -> bool:
        """Whether a request may still need its upstreams."""
        pools = [upstream for upstream in self.wiring.all if isinstance(upstream, Pool)]
        return self.users > 0 or any(member.in_flight for pool in pools for member in pool.members)


def local_parts(wiring: Wiring, metrics: Metrics) -> Parts:
    """The parts for requests that must stay on this machine and its network."""
    own = wiring.embeddings
    # Where embeddings have an upstream of their own that is elsewhere, none stands in: they lack its model.
    return Parts(wiring.only_local(), metrics, embeds=own is None or local_part(own) is not None, strict=False)
