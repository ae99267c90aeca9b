"""Whether the settings name a model for a route."""

from __future__ import annotations

from router.settings import Settings
from router.types import Route


def names_model(settings: Settings, route: Route) -> bool:
    """Whether a URL, a model or a deployment is given for a route; else the weak one is the embedded LLM."""
    alone = {"weak": (settings.weak_url, settings.weak_model), "strong": (settings.strong_url, settings.strong_model)}
    return any(alone.get(route, ())) or any(deployment.route == route for deployment in settings.deployments)
