"""RouteLLM's names: of its routers, and of models that carry a router and a threshold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from router.errors import RoutingError
from router.naming import plain

ROUTERS = ("mf", "sw_ranking", "bert", "causal_llm", "underdog")
"""Names that a router may be given here: RouteLLM's of those that are trained, and our own."""

_PREFIX = "router-"


def require_known(routers: Iterable[str], *, among: Sequence[str]) -> None:
    """Refuse routers that are not there.

    Raises:
        RoutingError: one of them is not.
    """
    for router in routers:
        if router not in among:
            raise RoutingError(f"Invalid router {router}. Available routers are {list(among)}.")


def model_name(router: str | None, threshold: float | None, *, among: Sequence[str]) -> str:
    """The model name that carries a router and a threshold.

    Raises:
        RoutingError: one of them is missing, or is none.
    """
    if router is None or threshold is None:
        raise RoutingError("Router or threshold unspecified: give both, or a model such as 'router-mf-0.77'.")
    require_known([router], among=among)
    return f"{_PREFIX}{router}-{plain(_fraction(threshold))}"


def read_name(model: str, *, among: Sequence[str]) -> str | None:
    """The router that a model name carries, which is sound then; None where it is another model's name.

    Raises:
        RoutingError: it begins like such a name, and is none.
    """
    if not model.startswith(_PREFIX):
        return None
    router, dash, threshold = model.removeprefix(_PREFIX).partition("-")
    if not dash:
        raise RoutingError(
            f"Invalid model {model}. Model name must be of the format 'router-[router name]-[threshold]'."
        )
    require_known([router], among=among)
    try:
        value = float(threshold)
    except ValueError:
        raise RoutingError(f"Threshold {threshold} must be a float.") from None
    _fraction(value)
    return router


def _fraction(threshold: float) -> float:
    if not 0.0 <= threshold <= 1.0:
        raise RoutingError(f"Invalid threshold {threshold}. Threshold must be a float between 0.0 and 1.0.")
    return threshold
