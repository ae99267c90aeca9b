"""LiteLLM's ``model_list``: groups of deployments, each callers' name for a model, as our deployments and aliases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from router.commands.elsewhere.litellm_prices import own_price
from router.commands.elsewhere.litellm_providers import Served, served
from router.commands.elsewhere.moving import Move, is_no_key, plain, variable_named
from router.commands.elsewhere.pairing import Candidate
from router.commands.elsewhere.source import Entry
from router.configured.prices import PriceEntry
from router.ledger.prices import Prices
from router.types import Usage
from router.upstream.providers import LOCAL, Provider, is_local, known_provider

CHAT_MODES = frozenset({"chat", "responses"})
EMBEDDING = "embedding"
TASTED = Usage(prompt_tokens=1000, completion_tokens=1000)
"""What prices of models are compared by."""

MOST_WEIGHT = 1_000_000
"""Of a deployment beside one of weight 1: whose share is smaller is as good as never asked."""

_PROMPTS = ("text-completion-openai/", "text-completion-codestral/", "azure_text/")
"""What LiteLLM's names of models that do not chat begin with."""

_NOT_A_NAME = re.compile(r"[^A-Z0-9]+")


@dataclass
class Group:
    """What callers know by one name.

    ``entry`` and ``called`` are its first deployment in the file, and the name there. ``weights``: what LiteLLM shares
    the load by, one for each deployment. ``needs``: variables that these need, each with what it is for.
    """

    name: str
    entry: Entry
    called: Entry
    mode: str = "chat"
    deployments: list[dict[str, Any]] = field(default_factory=list)
    weights: list[Decimal | None] = field(default_factory=list)
    needs: dict[str, str] = field(default_factory=dict)
    price: Decimal | None = None

    @property
    def local(self) -> bool:
        """Whether all of it runs here."""
        return bool(self.deployments) and all(_is_local(deployment) for deployment in self.deployments)

    @property
    def candidate(self) -> Candidate:
        """What the choice of the two models looks at."""
        return Candidate(name=self.name, price=self.price, local=self.local)


class Models:
    """Reads the list.

    Attributes:
        groups: by name, in the order of the file; those that chat and those for embeddings.
        prices: the file's own.
    """

    def __init__(self, source: Entry, move: Move) -> None:
        self.groups: dict[str, Group] = {}
        self.prices: list[PriceEntry] = []
        self._move = move
        self._keys: dict[str, str] = {}
        self._needed: dict[str, str] = {}
        listed = source.get("model_list")
        for entry in listed.items() if listed is not None else []:
            self._read(entry)
        for group in self.groups.values():
            group.price = self._price(group)
            self._weigh(group)

    @property
    def chatting(self) -> list[Group]:
        """The groups that can be one of the two models."""
        return [group for group in self.groups.values() if group.mode != EMBEDDING]

    def _read(self, entry: Entry) -> None:
        name, params = entry.get("model_name"), entry.get("litellm_params")
        model = params.get("model") if params is not None else None
        if name is None or params is None or model is None or str(model.value).endswith("/"):
            return self._move.remark(entry, "names no model; left out")
        group_name, asked = str(name.take()), self._move.text(model)
        if asked is None:
            return self._move.remark(entry, "its model's name is not known here; left out")
        mode = _mode(entry, asked)
        if mode not in CHAT_MODES | {EMBEDDING}:
            return self._move.remark(
                entry, f"'{group_name}' is for {mode}; models that chat or embed are asked; left out"
            )
        if "*" in group_name:
            return self._move.remark(entry, _wildcard(group_name))
        weight = self._weight(params)
        if weight == 0:
            return self._move.remark(entry, f"'{group_name}': a deployment without weight is never asked; left out")
        self._needed = {}
        deployment = self._deployment(group_name, asked, params, entry)
        if deployment is not None:
            group = self.groups.setdefault(group_name, Group(group_name, entry, name, mode))
            group.deployments.append(deployment)
            group.weights.append(weight)
            group.needs |= self._needed
            self._tell_price(deployment, entry)
        return None

    def _deployment(self, group: str, asked: str, params: Entry, entry: Entry) -> dict[str, Any] | None:
        """The fields of ours; None where it is left out, which was told then."""
        custom, base = params.get("custom_llm_provider"), params.get("api_base") or params.get("base_url")
        by = served(asked, str(custom.take()) if custom is not None else None, has_base=base is not None)
        if by.unspoken is not None:
            self._move.remark(entry, f"'{group}': {by.unspoken}; left out")
            return None
        table: dict[str, Any] = {"model": by.model}
        provider = known_provider(by.provider, "model_list") if by.provider is not None else None
        if provider is not None:
            table["provider"] = provider.id
        if base is not None:
            url = self._url(base, provider)
            if url is None:
                self._move.remark(entry, f"'{group}': without its address it is left out")
                return None
            table["url"] = url
        elif provider is not None:
            for variable in provider.variables:
                self._needed[variable] = f"part of the address of {provider.id}"
        table |= self._key(group, by, provider, params, at_home=base is None)
        return table | self._patience(params, entry)

    def _url(self, base: Entry, provider: Provider | None) -> str | None:
        parts = self._move.address(base)
        if parts is None:
            return None
        return parts.geturl() if provider is None else parts._replace(path=_path_at(provider, parts.path)).geturl()

    def _key(
        self, group: str, by: Served, provider: Provider | None, params: Entry, *, at_home: bool
    ) -> dict[str, Any]:
        """The variable that holds the key; a key that stands in the file itself is not copied.

        ``at_home``: it is asked at the provider's own address, which takes nobody without one.
        """
        entry = params.get("api_key")
        if entry is not None and is_no_key(entry):
            entry.take()
        if entry is None or entry.taken:
            return self._usual_key(by, provider) if at_home or entry is None else {}
        variable = variable_named(entry)
        if variable is not None:
            entry.take()
        else:
            variable = self._variable_for(str(entry.value), group, provider)
            self._move.remark(entry, f"is a key, which is not copied: put it into the environment as {variable}")
        self._needed[variable] = f"key of '{group}'"
        return {"api_key_env": [variable]}

    def _usual_key(self, by: Served, provider: Provider | None) -> dict[str, Any]:
        """The variable that LiteLLM takes where none is named; ours take their own by themselves."""
        if provider is None or provider.local:
            return {}
        found = provider.key(self._move.environ)
        theirs = by.variable if found is None else None
        self._needed[theirs or (found[0] if found else provider.key_variables[0])] = f"key of {provider.id}"
        return {"api_key_env": [theirs]} if theirs else {}

    def _variable_for(self, key: str, group: str, provider: Provider | None) -> str:
        """A variable for a key that stands in the file: one for each key, the provider's usual one for its first."""
        if key not in self._keys:
            usual = provider.key_variables[0] if provider is not None and provider.key_variables else None
            name = usual or f"{_NOT_A_NAME.sub('_', group.upper()).strip('_') or 'MODEL'}_API_KEY"
            taken = set(self._keys.values())
            numbered = (name if number == 1 else f"{name}_{number}" for number in range(1, len(taken) + 2))
            self._keys[key] = next(each for each in numbered if each not in taken)
        return self._keys[key]

    def _patience(self, params: Entry, entry: Entry) -> dict[str, Any]:
        """Name, timeouts and the most requests at once."""
        table: dict[str, Any] = {}
        if (name := entry.get("model_info", "id")) is not None:
            table["name"] = str(name.take())
        for theirs, ours in (("timeout", "total_timeout_s"), ("stream_timeout", "first_token_timeout_s")):
            if (seconds := self._move.number(params.get(theirs))) is not None and seconds > 0:
                table[ours] = plain(seconds)
        most = self._move.number(params.get("max_parallel_requests"))
        if most is not None and most >= 1:
            table["max_concurrent"] = int(most)
        return table

    def _weight(self, params: Entry) -> Decimal | None:
        """What LiteLLM's `simple-shuffle` shares the load by: the weight, else a limit."""
        for name in ("weight", "rpm", "tpm"):
            entry = params.get(name)
            if entry is not None:
                weight = self._move.number(entry)
                if name != "weight":
                    weight = weight or None
                    self._move.remark(
                        entry, "no limit here, but the share of the load where several deployments have the name"
                    )
                return weight
        return None

    def _weigh(self, group: Group) -> None:
        """Give deployments their shares, the smallest being 1; those that say none share alike."""
        known = [weight for weight in group.weights if weight]
        if len(group.deployments) < 2 or len(known) < len(group.deployments) or len(set(known)) == 1:
            return
        smallest = min(known)
        for deployment, weight in zip(group.deployments, known, strict=True):
            deployment["weight"] = plain(round(min(weight, smallest * MOST_WEIGHT) / smallest, 3))

    def _tell_price(self, deployment: Mapping[str, Any], entry: Entry) -> None:
        price = own_price(deployment["model"], entry, self._move)
        if price is not None and price.model not in {known.model for known in self.prices}:
            self.prices.append(price)

    def _price(self, group: Group) -> Decimal | None:
        prices = Prices(self.prices)
        deployment = group.deployments[0]
        return prices.price(_priced_by(deployment), deployment["model"], TASTED)


def _mode(entry: Entry, model: str) -> str:
    told = entry.get("model_info", "mode")
    if told is not None:
        return str(told.take())
    if model.startswith(_PROMPTS):
        return "completions of a prompt alone"
    return EMBEDDING if "embed" in model.lower() else "chat"


def _wildcard(name: str) -> str:
    provider = name.partition("/")[0]
    if provider == "*":
        return "callers may name PROVIDER/MODEL of any provider whose key is in the environment (docs/upstreams.md)"
    return f"callers may name {provider}/MODEL once the provider's key is in the environment (docs/upstreams.md)"


def _path_at(provider: Provider, path: str) -> str:
    """The path that we ask below: LiteLLM's addresses of these end before it."""
    if provider.id == "azure":
        return path.partition("/openai")[0] + "/openai/v1"
    return path or "/v1"


def _is_local(deployment: Mapping[str, Any]) -> bool:
    return _priced_by(deployment) == LOCAL


def _priced_by(deployment: Mapping[str, Any]) -> str | None:
    if (provider := deployment.get("provider")) is not None:
        return known_provider(provider, "model_list").price_id
    return LOCAL if is_local(deployment["url"]) else None
