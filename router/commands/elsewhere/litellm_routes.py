"""From LiteLLM's groups to our routes: two of them are routed between, the others stay what callers may name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from router.commands.elsewhere.litellm_models import Group
from router.commands.elsewhere.moving import Chosen, Move
from router.naming import ROUTES, is_reserved

_WHERE = ("provider", "url", "model", "api_key_env")


class Routes:
    """Which name leads where.

    Args:
        groups: those that chat, in the order of the file.
        chosen: the two models.
        move: takes deployments and aliases, and what is to be told.
    """

    def __init__(self, groups: Sequence[Group], chosen: Chosen, move: Move) -> None:
        self._move = move
        self._deployments: list[dict[str, Any]] = []
        self._targets: dict[str, str] = {}
        routes = {name: route for route, name in (("weak", chosen.weak), ("strong", chosen.strong)) if name is not None}
        by_name = {group.name: group for group in groups}
        for name, route in routes.items():
            self._routed(by_name[name], route)
        for group in groups:
            if group.name not in routes:
                self._named(group)
        self._write(groups)

    def target(self, name: str) -> str | None:
        """What a name of the file's is called here; None where nothing answers to it."""
        return self._targets.get(name)

    def alias(self, name: str, target: str) -> bool:
        """Let another name stand for one of the file's; False where it cannot."""
        leads_to = self.target(target)
        if leads_to is None or is_reserved(name):
            return False
        if name != leads_to:
            self._move.settings.setdefault("aliases", {})[name] = leads_to
        return True

    def _use(self, group: Group, route: str) -> None:
        for variable, why in group.needs.items():
            self._move.needs(variable, why)
        self._deployments += [{"route": route, **deployment} for deployment in group.deployments]

    def _routed(self, group: Group, route: str) -> None:
        self._use(group, route)
        self._targets[group.name] = route

    def _named(self, group: Group) -> None:
        model = group.deployments[0]["model"]
        if is_reserved(model):
            self._move.remark(group.entry, f"'{model}' means something already, so that nobody reaches it; left out")
            return
        there = [each for each in self._deployments if each["model"] == model]
        if there and not _same_places(there, group.deployments):
            what = f"'{group.name}' asks another endpoint for '{model}' than an earlier one, and names of models tell "
            self._move.remark(group.entry, f"{what}endpoints apart; left out")
            return
        if not there:
            self._use(group, "named")
        if len({deployment["model"] for deployment in group.deployments}) > 1:
            what = f"of the models behind '{group.name}' the first answers to the name; others share no load with it"
            self._move.remark(group.called, what)
        self._targets[group.name] = model

    def _write(self, groups: Sequence[Group]) -> None:
        if self._deployments:
            self._move.put("deployments", self._deployments)
        for group in groups:
            target = self.target(group.name)
            if target is None or ROUTES.get(group.name) == target:
                continue
            if is_reserved(group.name):
                what = f"'{group.name}' means something else here (docs/concepts.md); ask for '{target}'"
                self._move.remark(group.called, what)
            else:
                self.alias(group.name, group.name)


def _same_places(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> bool:
    return {_place(each) for each in one} == {_place(each) for each in other}


def _place(deployment: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(str(deployment.get(name)) for name in _WHERE)
