"""What an operator may say of a key or a team: one form for the admin API, the command line and the database.

Amounts are exact: they are read from text or from the digits of a number, never by way of a float.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from router.configured.budgets import wrong_amount, wrong_time_zone
from router.configured.complaint import complaint
from router.errors import UNREADABLE_JSON, InvalidRequest
from router.principals import UNLIMITED, Budget, Limits, Period, Privacy, WhenSpent

MAX_METADATA_BYTES = 4096
MAX_FORM_BYTES = 64_000
LAST_YEAR = 9000
"""Dates end soon after, and not in every time zone at once."""

_PLAIN = r"\A[^\x00-\x1f\x7f]*\Z"

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=_PLAIN)]
"""Without control characters: it is shown in terminals."""
Text = Annotated[str, Meta(min_length=1, max_length=200, pattern=_PLAIN)]
Pattern = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\A[!-~]+\Z")]
Patterns = Annotated[tuple[Pattern, ...], Meta(max_length=200)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1, le=1_000_000_000_000)]
Places = Annotated[int, Meta(ge=1, le=1_000_000)]
Moment = Annotated[datetime, Meta(tz=True)]
F = TypeVar("F", bound="Form")


class Form(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key and a team have in common. What is not given is not limited.

    ``models``: names that a request's ``model`` may have, ``*`` standing for any text. ``threshold``: where a request
    says nothing of its own. The budget is for a ``budget_period`` that begins at midnight in ``budget_time_zone``.
    ``privacy``: ``local-only`` keeps its requests on the server's machine and its network. ``blocked``: the key, or
    none of the team's keys, is let in for now. ``metadata``: the operator's own, never read here; 4 KB of JSON at most.
    """

    models: Patterns | None = None
    threshold: Fraction | None = None
    min_threshold: Fraction = 0.0
    max_threshold: Fraction = 1.0
    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    concurrent_requests: Places | None = None
    budget_usd: Decimal | None = None
    budget_period: Period = "month"
    budget_time_zone: str = "UTC"
    budget_when_spent: WhenSpent = "refuse"
    budget_pace: bool = True
    blocked: bool = False
    privacy: Privacy = "any"
    metadata: dict[str, Any] = {}

    @property
    def limits(self) -> Limits:
        """The limits among it."""
        if self.requests_per_minute is None and self.tokens_per_minute is None and self.concurrent_requests is None:
            return UNLIMITED
        return Limits(
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
            concurrent_requests=self.concurrent_requests,
        )

    @property
    def budget(self) -> Budget | None:
        """The budget; None without one."""
        if self.budget_usd is None:
            return None
        return Budget(
            usd=self.budget_usd,
            period=self.budget_period,
            time_zone=self.budget_time_zone,
            when_spent=self.budget_when_spent,
            pace=self.budget_pace,
        )


class KeyForm(Form, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may say of a key. ``team``: a team's id, or its name. ``user``: any id, for reports."""

    name: Name | None = None
    team: Name | None = None
    user: Text | None = None
    expires_at: Moment | None = None


class TeamForm(Form, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may say of a team."""

    name: Name


def read_form(kind: type[F], given: bytes, *, now: datetime, before: F | None = None) -> F:
    """A form as JSON has it, checked whole.

    Args:
        kind: the form.
        given: a JSON object.
        now: what expires must lie after it.
        before: what is changed: fields that are not given stay, and null brings the default back.

    Raises:
        InvalidRequest: naming the field and what may stand there.
    """
    fields = _fields(given)
    _require_known(kind, fields)
    whole = _merged(fields, before)
    try:
        form = msgspec.json.decode(whole, type=kind)
    except UNREADABLE_JSON as error:
        raise _refusal(kind, error) from None
    _require_sound(form, fields, now)
    return form if form.budget_usd is None else replace(form, budget_usd=Decimal(f"{form.budget_usd:f}"))


def as_json(form: Form) -> bytes:
    """The form as it is kept."""
    return msgspec.json.encode(form)


def kept_form(kind: type[F], kept: str) -> F:
    """A form that was kept, also by a newer Underdog: what it says beyond ours is let go."""
    known = msgspec.json.decode(kept, type=dict[str, msgspec.Raw])
    return msgspec.json.decode(
        msgspec.json.encode({name: value for name, value in known.items() if name in kind.__struct_fields__}), type=kind
    )


def _fields(given: bytes) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(given or b"{}", type=dict[str, msgspec.Raw])
    except UNREADABLE_JSON as error:
        said = "it is no JSON object" if isinstance(error, msgspec.ValidationError) else "it is no valid JSON"
        raise InvalidRequest(f"The body cannot be understood: {said}.", code="invalid_json") from None


def _require_known(kind: type[Form], fields: Mapping[str, msgspec.Raw]) -> None:
    known = kind.__struct_fields__
    for name in fields:
        if name not in known:
            nearest = difflib.get_close_matches(name[:60], known, n=1)
            hint = f"did you mean '{nearest[0]}'?" if nearest else f"known are {', '.join(known)}."
            raise InvalidRequest(f"Unknown field '{name[:60]}'; {hint}", param=name[:60])


def _merged(fields: Mapping[str, msgspec.Raw], before: Form | None) -> bytes:
    kept = {} if before is None else msgspec.json.decode(as_json(before), type=dict[str, msgspec.Raw])
    merged = {**kept, **fields}
    return msgspec.json.encode({name: value for name, value in merged.items() if bytes(value).strip() != b"null"})


def _refusal(kind: type[Form], error: Exception) -> InvalidRequest:
    if not isinstance(error, msgspec.ValidationError):
        return InvalidRequest("The body is nested too deeply, or is no valid text.", code="invalid_json")
    said = complaint(kind, None, error)
    wrong = next(
        (name for name in kind.__struct_fields__ if said.startswith((f"{name}:", f"{name}.", f"'{name}'"))), None
    )
    return InvalidRequest(said, param=wrong)


def _require_sound(form: Form, given: Mapping[str, msgspec.Raw], now: datetime) -> None:
    """What types alone cannot say."""
    if form.min_threshold > form.max_threshold:
        _refuse("min_threshold", f"must not be above max_threshold ({form.max_threshold:g})")
    if form.budget_usd is None:
        for name in ("budget_period", "budget_time_zone", "budget_when_spent", "budget_pace"):
            if name in given and bytes(given[name]).strip() != b"null":
                _refuse(name, "says how a budget is spent; give 'budget_usd' too")
    elif (wrong := wrong_amount(form.budget_usd)) is not None:
        _refuse("budget_usd", wrong)
    if (wrong := wrong_time_zone(form.budget_time_zone)) is not None:
        _refuse("budget_time_zone", wrong)
    if len(msgspec.json.encode(form.metadata)) > MAX_METADATA_BYTES:
        _refuse("metadata", f"is larger than {MAX_METADATA_BYTES} bytes of JSON; keep the rest elsewhere")
    if isinstance(form, KeyForm) and form.expires_at is not None and "expires_at" in given:
        _require_ahead(form.expires_at, now)


def _require_ahead(expires_at: datetime, now: datetime) -> None:
    if expires_at <= now:
        _refuse("expires_at", "lies in the past; give a later time, or revoke the key")
    if expires_at.year > LAST_YEAR:
        _refuse("expires_at", f"lies beyond the year {LAST_YEAR}; leave it out for a key without an end")


def _refuse(name: str, why: str) -> None:
    raise InvalidRequest(f"{name}: {why}.", param=name)
