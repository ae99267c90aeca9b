"""OpenAI's older completions of a prompt: everything passes as it is, and what chat can say of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from router.dialects.base import Asked, Dialect, untellable
from router.dialects.chat import ChatDialect
from router.dialects.chat_request import decode_json, invalid_field
from router.dialects.texts import texts_of
from router.errors import UNREADABLE_JSON, InvalidRequest
from router.types import ChatRequest, Endpoint, Message, StreamOptions

Json = dict[str, Any]


class CompletionRequest(Struct, frozen=True, kw_only=True):
    """The typed view of a completion request: what routing reads of it. The rest is forwarded unseen."""

    prompt: str | list[Any] | None = None
    model: str = "auto"
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None
    max_tokens: int | None = None


class CompletionsDialect(ChatDialect):
    """Implements `router.dialects.Dialect` for ``POST /v1/completions``; answers and events have chat's frames."""

    endpoint: Endpoint = "completions"

    def parse(self, body: bytes, *, headers: Mapping[str, str], max_messages: int) -> Asked:
        """See `router.dialects.Dialect.parse`. A prompt is read as what a user says; tokens cannot be read."""
        raw = decode_json(body)
        try:
            request = msgspec.convert(raw, CompletionRequest)
        except msgspec.ValidationError as error:
            raise invalid_field(str(error)) from None
        texts = [] if request.prompt is None else texts_of(request.prompt, "prompt")
        if len(texts) > max_messages:
            sentence = f"'prompt' holds {len(texts)} prompts; at most {max_messages} are accepted."
            raise InvalidRequest(sentence, param="prompt")
        if request.n is not None and request.n < 1:
            raise InvalidRequest("'n': at least one answer must be asked for.", param="n")
        chat = ChatRequest(
            messages=[Message(role="user", content="\n\n".join(texts))],
            model=request.model,
            stream=request.stream,
            stream_options=request.stream_options,
            temperature=request.temperature,
            top_p=request.top_p,
            n=request.n,
            max_tokens=request.max_tokens,
        )
        return Asked(chat, raw)


# What an upstream that only chats can be asked instead.


def to_chat(body: Mapping[str, Any]) -> Json:
    """The chat request that asks the same: the prompt is what a user says.

    Raises:
        InvalidRequest: it asks for what chat has no words for; ``param`` names the field.
    """
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str) or not prompt:
        raise _beyond_chat("prompt", "anything but one text")
    for field, beyond in _BEYOND.items():
        if body.get(field) not in beyond:
            raise _beyond_chat(field, "this")
    kept = {name: value for name, value in body.items() if name not in _BEYOND and name != "prompt"}
    return {**kept, "messages": [{"role": "user", "content": prompt}]}


_BEYOND: dict[str, tuple[Any, ...]] = {
    "suffix": (None, ""),
    "echo": (None, False),
    "best_of": (None, 1),
    "logprobs": (None,),
}
"""Fields that chat does not have, each with the values that ask for nothing."""


def _beyond_chat(field: str, what: str) -> InvalidRequest:
    return InvalidRequest(
        f"'{field}': the model that is to answer has no completions endpoint, and chat cannot express {what}. "
        "Leave it out, or name a model that completes prompts.",
        param=field,
        code="no_completions",
    )


def of_chat(answer: bytes) -> bytes:
    """The ``text_completion`` that says what a ``chat.completion`` or a chunk of one says.

    Raises:
        UpstreamBroken: it is neither.
    """
    try:
        told = msgspec.json.decode(answer, type=dict[str, Any])
        choices = [_choice(choice) for choice in told.get("choices") or ()]
    except (*UNREADABLE_JSON, AttributeError, TypeError) as error:
        raise untellable("it is no chat answer") from error
    return msgspec.json.encode({**told, "object": "text_completion", "choices": choices})


def _choice(choice: Json) -> Json:
    said = choice.get("message") or choice.get("delta") or {}
    text = said.get("content") or said.get("refusal") or ""
    return {
        "text": text if isinstance(text, str) else "",
        "index": choice.get("index", 0),
        "logprobs": None,
        "finish_reason": choice.get("finish_reason"),
    }


COMPLETIONS: Dialect = CompletionsDialect()
