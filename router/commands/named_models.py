"""What the settings say of models: whether they name one for a route, and where these are."""

from __future__ import annotations

from urllib.parse import urlsplit

from router.settings import Settings
from router.types import Route


def names_model(settings: Settings, route: Route) -> bool:
    """Whether a URL, a model or a deployment is given for a route; else the weak one is the embedded LLM."""
    alone = {"weak": (settings.weak_url, settings.weak_model), "strong": (settings.strong_url, settings.strong_model)}
    return any(alone.get(route, ())) or any(deployment.route == route for deployment in settings.deployments)


def named_servers(settings: Settings) -> dict[str, str]:
    """Where the models that the settings name are: route or deployment, and URL without path, query and user."""
    urls = {"weak": settings.weak_url, "strong": settings.strong_url}
    urls |= {each.name or f"{each.route}, {number}": each.url for number, each in enumerate(settings.deployments, 1)}
    return {name: _origin(url) for name, url in urls.items() if url}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
