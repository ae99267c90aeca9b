"""What the OpenAPI document says of requests whose bodies are read past the framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, get_args

from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
)

from router.http.tuning import DIALS, PRIVACY_HEADER
from router.principals import Privacy
from router.types import Rating

_TEXT = Schema(type=OpenAPIType.STRING)
_WHOLE = Schema(type=OpenAPIType.INTEGER)
_NUMBER = Schema(type=OpenAPIType.NUMBER)
_FLAG = Schema(type=OpenAPIType.BOOLEAN)
_OBJECT = Schema(type=OpenAPIType.OBJECT)
_PARTS = Schema(type=OpenAPIType.ARRAY, items=_OBJECT)
_TEXT_OR_PARTS = Schema(one_of=[_TEXT, _PARTS])
_TEXTS = Schema(one_of=[_TEXT, Schema(type=OpenAPIType.ARRAY)])

_MODEL = Schema(
    type=OpenAPIType.STRING,
    description="`auto`, `auto:cheap` and the like, `weak`, `strong`, `cache`, or another name of GET /v1/models.",
)
_MESSAGES = Schema(
    type=OpenAPIType.ARRAY,
    min_items=1,
    items=Schema(
        type=OpenAPIType.OBJECT,
        required=["role"],
        properties={
            "role": _TEXT,
            "content": Schema(one_of=[*(_TEXT_OR_PARTS.one_of or ()), Schema(type=OpenAPIType.NULL)]),
        },
    ),
)
_SHARED: Mapping[str, Schema] = {"model": _MODEL, "stream": _FLAG, "temperature": _NUMBER, "tools": _PARTS}

_DIAL_SENTENCES = {
    "threshold": "Send to the strong model from this win rate on.",
    "quality": "Share of the gap between the weak and the strong model to recover.",
    "strong_share": "Share of requests to send to the strong model.",
}


_PRIVACY = Parameter(
    name=PRIVACY_HEADER,
    param_in="header",
    description="`local-only` asks nobody beyond the server's machine and its network; `any` changes nothing.",
    schema=Schema(type=OpenAPIType.STRING, enum=list(get_args(Privacy))),
)


@dataclass
class Described(Operation):
    """An operation with a JSON body and, where a route is chosen, the dials as query parameters."""

    body: ClassVar[Schema]
    dials: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self.request_body = RequestBody(required=True, content={"application/json": OpenAPIMediaType(schema=self.body)})
        if self.dials:
            self.parameters = [*(self.parameters or []), *map(_dial, DIALS), _PRIVACY]


def _dial(name: str) -> Parameter:
    return Parameter(
        name=name,
        param_in="query",
        description=f"{_DIAL_SENTENCES[name]} At most one of the dials.",
        schema=Schema(type=OpenAPIType.NUMBER, minimum=0, maximum=1),
    )


def _body(properties: Mapping[str, Schema], *, required: tuple[str, ...], about: str) -> Schema:
    return Schema(
        type=OpenAPIType.OBJECT,
        description=f"{about} Fields that are not named here are forwarded as they are.",
        properties={**properties},
        required=list(required),
        additional_properties=True,
    )


class ChatOperation(Described):
    """Takes a chat completion's request."""

    body = _body(
        {**_SHARED, "messages": _MESSAGES, "max_tokens": _WHOLE, "max_completion_tokens": _WHOLE, "n": _WHOLE},
        required=("messages",),
        about="OpenAI's chat completions.",
    )


class MessagesOperation(Described):
    """Takes a request of Anthropic's Messages."""

    body = _body(
        {**_SHARED, "messages": _MESSAGES, "system": _TEXT_OR_PARTS, "max_tokens": _WHOLE},
        required=("model", "messages", "max_tokens"),
        about="Anthropic's Messages.",
    )


class CountOperation(Described):
    """Takes a request of Anthropic's Messages to be counted."""

    dials = False
    body = _body(
        {"model": _MODEL, "messages": _MESSAGES, "system": _TEXT_OR_PARTS, "tools": _PARTS},
        required=("model", "messages"),
        about="Anthropic's Messages.",
    )


class ResponsesOperation(Described):
    """Takes a request of OpenAI's Responses API."""

    body = _body(
        {**_SHARED, "input": _TEXT_OR_PARTS, "instructions": _TEXT, "max_output_tokens": _WHOLE},
        required=("input",),
        about="OpenAI's Responses.",
    )


class InputTokensOperation(Described):
    """Takes a request of OpenAI's Responses API to be counted."""

    dials = False
    body = ResponsesOperation.body


class FeedbackOperation(Described):
    """Takes a rating."""

    dials = False
    body = Schema(
        type=OpenAPIType.OBJECT,
        properties={
            "request_id": Schema(type=OpenAPIType.STRING, description="What the answer carried in `x-request-id`."),
            "rating": Schema(type=OpenAPIType.STRING, enum=list(get_args(Rating))),
        },
        required=["request_id", "rating"],
    )


class CompletionsOperation(Described):
    """Takes a request of OpenAI's older completions."""

    body = _body(
        {"model": _MODEL, "prompt": _TEXTS, "suffix": _TEXT, "stream": _FLAG, "max_tokens": _WHOLE},
        required=("prompt",),
        about="OpenAI's older completions.",
    )


class EmbeddingsOperation(Described):
    """Takes a request for embeddings."""

    dials = False
    body = _body(
        {"model": _TEXT, "input": _TEXTS, "dimensions": _WHOLE, "encoding_format": _TEXT},
        required=("input",),
        about="OpenAI's embeddings.",
    )
