"""From the items of ``input`` to the messages of a conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from router.dialects.responses.parts import content_of, output_of, wrong
from router.dialects.responses.sealed import unseal
from router.errors import InvalidRequest

Json = dict[str, Any]

_ROLES = ("user", "assistant", "system", "developer")


def messages_of(given: str | Sequence[Mapping[str, Any]], instructions: str | None, *, max_items: int) -> list[Json]:
    """The messages that say what ``instructions`` and ``input`` say.

    Reasoning, text and calls that follow each other are one turn of the assistant, as chat has it.

    Raises:
        InvalidRequest: there is nothing in it, too much, or something that chat has no words for.
    """
    if not given:
        raise InvalidRequest("'input' must not be empty.", param="input")
    conversation = _Conversation(instructions)
    if isinstance(given, str):
        conversation.say({"role": "user", "content": given})
        return conversation.messages
    if len(given) > max_items:
        raise InvalidRequest(f"'input' holds {len(given)} items; at most {max_items} are accepted.", param="input")
    for place, item in enumerate(given):
        _add(conversation, item, f"input[{place}]")
    if not conversation.messages:
        raise InvalidRequest("'input' holds nothing that a model could answer.", param="input")
    return conversation.messages


class _Conversation:
    """Messages that grow item by item."""

    def __init__(self, instructions: str | None) -> None:
        self.messages: list[Json] = [{"role": "system", "content": instructions}] if instructions else []
        self._turn: Json | None = None  # the assistant's, while it may grow
        self._thought: Json = {}  # belongs to whatever the assistant does next

    def say(self, message: Json) -> None:
        """Somebody else's turn."""
        self._turn = None
        self._thought = {}
        self.messages.append(message)

    def think(self, thought: Json) -> None:
        """What the assistant thought before its next text or call.

        Within a turn it joins what was thought before: calls must stay together, since their outputs follow.
        """
        target = self._thought if self._turn is None else self._turn
        for name, value in thought.items():
            target[name] = target[name] + value if name in target else value

    def answer(self, said: Json) -> None:
        """Text of the assistant. What it said after a call joins what it said before: the outputs come next."""
        turn = self._turn
        if turn is not None and "tool_calls" in turn and _are_text(turn["content"], said["content"]):
            turn["content"] += "\n\n" + said.pop("content")
            turn.update(said)
            return
        if turn is None or turn["content"] is not None or "refusal" in turn:
            turn = self._begin()
        turn.update(said)

    def call(self, call: Json) -> None:
        """A tool call of the assistant."""
        turn = self._turn or self._begin()
        turn.setdefault("tool_calls", []).append(call)

    def _begin(self) -> Json:
        self._turn = {"role": "assistant", "content": None, **self._thought}
        self._thought = {}
        self.messages.append(self._turn)
        return self._turn


def _add(conversation: _Conversation, item: Mapping[str, Any], field: str) -> None:
    kind = item.get("type", "message")
    if kind == "message":
        _message(conversation, item, field)
    elif kind == "function_call":
        function = {"name": _text(item, "name", field), "arguments": _text(item, "arguments", field)}
        conversation.call({"id": _text(item, "call_id", field), "type": "function", "function": function})
    elif kind == "custom_tool_call":
        custom = {"name": _text(item, "name", field), "input": _text(item, "input", field)}
        conversation.call({"id": _text(item, "call_id", field), "type": "custom", "custom": custom})
    elif kind in ("function_call_output", "custom_tool_call_output"):
        content = output_of(item.get("output"), f"{field}.output")
        conversation.say({"role": "tool", "tool_call_id": _text(item, "call_id", field), "content": content})
    elif kind == "reasoning":
        conversation.think(_thought(item))
    else:
        raise _untranslatable(kind, field)


def _message(conversation: _Conversation, item: Mapping[str, Any], field: str) -> None:
    role = item.get("role")
    if role not in _ROLES:
        raise wrong(f"{field}.role", "expected 'user', 'assistant', 'system' or 'developer'")
    content = content_of(item.get("content"), f"{field}.content", role=role)
    if role == "assistant":
        conversation.answer(content)
        return
    if role == "user" and not content["content"]:
        raise wrong(f"{field}.content", "a user message must not be empty")
    conversation.say({"role": role, **content})


def _thought(item: Mapping[str, Any]) -> Json:
    """What chat can say of a reasoning item: its text, and blocks that we sealed ourselves."""
    texts = [
        part["text"]
        for parts in (item.get("content") or item.get("summary"),)
        if isinstance(parts, list)
        for part in parts
        if isinstance(part, dict) and isinstance(part.get("text"), str)
    ]
    said = "\n\n".join(texts)
    blocks = unseal(item.get("encrypted_content"))
    return ({"reasoning_content": said} if said else {}) | ({"thinking_blocks": blocks} if blocks else {})


def _are_text(*contents: Any) -> bool:
    return all(isinstance(content, str) for content in contents)


def _text(item: Mapping[str, Any], name: str, field: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise wrong(f"{field}.{name}", "expected `str`" if name in item else "it is required")
    return value


def _untranslatable(kind: Any, field: str) -> InvalidRequest:
    if kind == "item_reference":
        return wrong(f"{field}.type", "no items are stored here. Send the item itself instead of a reference to it")
    if not isinstance(kind, str):
        return wrong(f"{field}.type", "expected `str`")
    return wrong(
        f"{field}.type",
        f"items of type '{kind[:60]}' cannot be told to other models than OpenAI's. Leave it out, or put what it "
        "says into a message",
    )
