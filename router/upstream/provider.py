"""What is known of a provider: where it listens, which variable holds its key, what it speaks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

from router.configured.secret import Secret
from router.errors import SettingsError

LOCAL = "local"
"""Provider of models on our own machines, which cost nothing per token."""

Protocol = Literal["openai", "anthropic"]

_PLACEHOLDER = re.compile(r"\{(\w+)\}")

MODEL_PLACEHOLDER = "model"
"""What stands for the model's id in the URLs of providers that have it there."""

_WAY_UP = re.compile(r"(^|[/\\])\.*([/\\]|$)")
"""What leads elsewhere where a server undoes the escapes of a path: callers name models, and none may aim our key."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider.

    ``id`` is its id in the price list, if ``priced``; else what its answers cost is unknown. ``base_url`` may hold
    variables of the environment in braces. ``strong_model``: what to ask for where the settings name nothing, for
    providers that are found by their key alone; the price list knows it. ``key_header``: where the key goes, as a
    bearer token in ``authorization`` and bare in any other. ``shared_key``: the key is there for other purposes too, so
    that its presence allows nothing. ``prices``: the price list's id, where that is not ``id``.
    """

    id: str
    base_url: str
    key_variables: tuple[str, ...] = ()
    strong_model: str | None = None
    protocol: Protocol = "openai"
    key_header: str = "authorization"
    priced: bool = True
    shared_key: bool = False
    local: bool = False
    prices: str | None = None

    @property
    def host(self) -> str:
        """The host name in ``base_url``; empty where that is not known before the environment is read."""
        return "" if _PLACEHOLDER.search(self.base_url) else urlsplit(self.base_url).hostname or ""

    @property
    def price_id(self) -> str:
        """What tells its prices: the price list's id, or ``local``."""
        return LOCAL if self.local else self.prices or self.id

    @property
    def variables(self) -> list[str]:
        """The variables of the environment in its URL, each once."""
        return [name for name in dict.fromkeys(_PLACEHOLDER.findall(self.base_url)) if name != MODEL_PLACEHOLDER]

    def key(self, environ: Mapping[str, str]) -> tuple[str, Secret] | None:
        """The first of its key variables that is set, with its value."""
        for variable in self.key_variables:
            if environ.get(variable):
                return variable, Secret(environ[variable])
        return None

    def url(self, environ: Mapping[str, str], model: str | None = None) -> str:
        """Its base URL, variables filled in.

        Raises:
            SettingsError: naming the variable that is not set, or the model cannot stand in a URL.
        """
        if model and f"{{{MODEL_PLACEHOLDER}}}" in self.base_url and _WAY_UP.search(model):
            raise SettingsError(f"The provider '{self.id}' has its models in URLs, where '{model}' cannot stand.")
        values = {MODEL_PLACEHOLDER: quote(model or "", safe="")}
        for variable in self.variables:
            if not environ.get(variable):
                raise SettingsError(f"The provider '{self.id}' needs {variable}, which is not set.")
            values[variable] = environ[variable].strip().rstrip("/")
        url = _PLACEHOLDER.sub(lambda found: values[found[1]], self.base_url)
        return url if "://" in url else f"https://{url}"
