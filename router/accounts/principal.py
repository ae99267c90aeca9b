"""Who is behind a key: its own rights within those of its team, and what its requests count against."""

from __future__ import annotations

from typing import Literal

from router.accounts.forms import Form
from router.accounts.keys import Key, Team
from router.principals import UNLIMITED, Principal, Scope
from router.settings import Settings


def principal_of(key: Key, team: Team | None, server: Scope | None = None) -> Principal:
    """The principal of a key.

    A team shares what is kept: one cache, one set of figures. Nobody else shares with anybody.

    Args:
        key: the key.
        team: its team, if it has one.
        server: what all requests count against, if they do.
    """
    form, above = key.form, team.form if team is not None else None
    low, high = bounds(form, above)
    scopes = [server] if server is not None else []
    if team is not None:
        scopes.append(scope_of(team))
    scopes.append(scope_of(key))
    return Principal(
        tenant=f"team:{team.id}" if team is not None else f"key:{key.id}",
        key_id=key.id,
        team=team.id if team is not None else None,
        user=form.user,
        scopes=tuple(scope for scope in scopes if _counts(scope)),
        models=tuple(holder.models for holder in (form, above) if holder is not None and holder.models is not None),
        threshold=above.threshold if form.threshold is None and above is not None else form.threshold,
        min_threshold=low,
        max_threshold=high,
        local_only=any(holder is not None and holder.privacy == "local-only" for holder in (form, above)),
    )


def scope_of(holder: Key | Team) -> Scope:
    """What counts against a key, or against a team."""
    kind: Literal["team", "key"] = "team" if isinstance(holder, Team) else "key"
    form = holder.form
    limits, budget = form.limits, form.budget
    return Scope(kind=kind, id=holder.id, title=form.name, limits=limits, budget=budget, revision=holder.change)


def bounds(form: Form, above: Form | None) -> tuple[float, float]:
    """The bounds of a threshold: the key's as far as the team's go. Where they do not meet, the team's nearest end."""
    if above is None:
        return form.min_threshold, form.max_threshold
    least, most = above.min_threshold, above.max_threshold
    return min(max(form.min_threshold, least), most), min(max(form.max_threshold, least), most)


def server_scope(settings: Settings) -> Scope | None:
    """What every request counts against; None where the settings limit nothing."""
    limits, budget = settings.limits, settings.budget
    if limits == UNLIMITED and budget is None:
        return None
    return Scope(kind="server", id="server", limits=limits, budget=budget)


def _counts(scope: Scope) -> bool:
    """Whether anything is counted in it."""
    return scope.limits != UNLIMITED or scope.budget is not None
