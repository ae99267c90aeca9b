"""What RouteLLM published of its own routers, for the tables and figures that show it beside ours.

Source: Ong et al., RouteLLM, arXiv 2406.18665, tables 1 to 3.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

SOURCE = "Ong et al., RouteLLM, arXiv 2406.18665, tables 1 to 3"


class PublishedRouter(Struct, frozen=True, kw_only=True):
    """One published router on one benchmark; CPTs in percent of calls, APGR a ratio."""

    router: str
    data: str
    cpt50: float
    cpt80: float
    apgr: float


class PublishedBenchmark(Struct, frozen=True, kw_only=True):
    """The best published router with arena votes alone, and with further labels, on ``n`` prompts."""

    n: int
    votes_only: PublishedRouter
    best: PublishedRouter


_VOTES = "Arena votes"
_JUDGE = "votes and judge labels"
_GOLDEN = "votes and MMLU labels"

PUBLISHED: Mapping[str, PublishedBenchmark] = {
    "mt-bench": PublishedBenchmark(
        n=72,
        votes_only=PublishedRouter(router="sw ranking", data=_VOTES, cpt50=37.85, cpt80=58.99, apgr=0.610),
        best=PublishedRouter(router="matrix factorisation", data=_JUDGE, cpt50=13.40, cpt80=31.31, apgr=0.802),
    ),
    "mmlu": PublishedBenchmark(
        n=14037,
        votes_only=PublishedRouter(router="matrix factorisation", data=_VOTES, cpt50=45.00, cpt80=76.86, apgr=0.524),
        best=PublishedRouter(router="sw ranking", data=_GOLDEN, cpt50=35.40, cpt80=71.55, apgr=0.603),
    ),
    "gsm8k": PublishedBenchmark(
        n=1307,
        votes_only=PublishedRouter(router="sw ranking", data=_VOTES, cpt50=54.43, cpt80=82.11, apgr=0.475),
        best=PublishedRouter(router="causal LLM, 8B", data=_JUDGE, cpt50=33.64, cpt80=63.26, apgr=0.622),
    ),
}


def published_for(benchmark: str, n: int) -> PublishedBenchmark | None:
    """What was published of ``benchmark``; None where these ``n`` prompts are not the ones that it was measured on."""
    found = PUBLISHED.get(benchmark)
    return found if found is not None and found.n == n else None
