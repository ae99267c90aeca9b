"""What the OpenAPI document says of the forms of keys and teams, which are read past the framework to be exact."""

from __future__ import annotations

from collections.abc import Mapping

from litestar.openapi.spec import OpenAPIFormat, OpenAPIType, Schema

from router.http.described import Described

_TEXT = Schema(type=OpenAPIType.STRING)
_FLAG = Schema(type=OpenAPIType.BOOLEAN)
_SHARE = Schema(type=OpenAPIType.NUMBER, minimum=0, maximum=1)
_COUNT = Schema(type=OpenAPIType.INTEGER, minimum=1)

_FORM: Mapping[str, Schema] = {
    "name": _TEXT,
    "models": Schema(type=OpenAPIType.ARRAY, items=_TEXT, description="Names; `*` stands for any text."),
    "threshold": _SHARE,
    "min_threshold": _SHARE,
    "max_threshold": _SHARE,
    "requests_per_minute": _COUNT,
    "tokens_per_minute": _COUNT,
    "concurrent_requests": _COUNT,
    "budget_usd": Schema(
        one_of=[_TEXT, Schema(type=OpenAPIType.NUMBER, minimum=0)],
        description="Dollars, exact: `25.00` as text or number.",
    ),
    "budget_period": Schema(type=OpenAPIType.STRING, enum=["day", "week", "month"]),
    "budget_time_zone": Schema(type=OpenAPIType.STRING, description="Such as `Europe/Berlin`."),
    "budget_when_spent": Schema(type=OpenAPIType.STRING, enum=["refuse", "weak"]),
    "budget_pace": _FLAG,
    "blocked": _FLAG,
    "metadata": Schema(type=OpenAPIType.OBJECT, description="Your own; 4 KB of JSON."),
}
_KEY: Mapping[str, Schema] = {
    **_FORM,
    "team": Schema(type=OpenAPIType.STRING, description="A team's id or name."),
    "user": _TEXT,
    "expires_at": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE_TIME),
}
_TEAM = _FORM


def _form(properties: Mapping[str, Schema], *required: str) -> Schema:
    return Schema(
        type=OpenAPIType.OBJECT,
        description="What is not given is not limited; in a change, it stays, and null brings the default back.",
        properties={**properties},
        required=list(required),
        additional_properties=False,
    )


class KeyOperation(Described):
    """Takes a key's form."""

    dials = False
    body = _form(_KEY)


class NewTeamOperation(Described):
    """Takes a new team's form."""

    dials = False
    body = _form(_TEAM, "name")


class TeamOperation(Described):
    """Takes changes to a team's form."""

    dials = False
    body = _form(_TEAM)


class RotationOperation(Described):
    """Takes how long the secret before goes on."""

    dials = False
    body = _form({"grace_s": Schema(type=OpenAPIType.NUMBER, minimum=0)})
