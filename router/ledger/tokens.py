"""Token counts for answers whose upstream reports none: an estimate from the text alone, and marked as one.

Every model family splits text its own way, so a tokenizer of one family would be off for the others as well. The rule
counts words and punctuation marks, and adds a little per character for long words and per byte beyond ASCII for other
scripts. Its weights are a least-squares fit to OpenAI's o200k_base over 3,042 texts: Chatbot Arena prompts and
answers, instructions of AlpacaEval, exam questions, nearly all English. There the median error is 5%, nine texts in
ten lie within 14%, and the total is 1% low; against cl100k_base the same, and 2% low. Outside that it is rough: other
scripts are mostly within a third, some Indic ones up to three times too high, and long runs without a space (base64,
digits) up to four times too low.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from router.types import ChatRequest, Message, Usage

_WORD_OR_MARK = re.compile(r"\w+|[^\w\s]")
_PER_PIECE = 0.86
_PER_CHARACTER = 0.036
_PER_EXTRA_BYTE = 0.20

PER_MESSAGE = 4
"""Tokens of the chat template around one message: role, separators."""

PER_ATTACHMENT = 85
"""Tokens counted for an image or a file, whose size the text does not tell: OpenAI's bill for a low-detail image."""


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of ``text``; at least 1 unless it is empty. The module docstring gives the error."""
    if not text:
        return 0
    pieces = sum(1 for _ in _WORD_OR_MARK.finditer(text))
    characters = len(text)
    extra_bytes = 0 if text.isascii() else len(text.encode("utf-8", "surrogatepass")) - characters
    return max(1, round(_PER_PIECE * pieces + _PER_CHARACTER * characters + _PER_EXTRA_BYTE * extra_bytes))


def estimate_usage(request: ChatRequest, answer: str) -> Usage:
    """Estimate the usage of one answered request.

    Args:
        request: messages, their tool calls and the tool definitions are counted.
        answer: all text that the model produced, tool-call arguments included.
    """
    prompt = sum(_message_tokens(message) for message in request.messages)
    if request.tools:
        prompt += _json_tokens(request.tools)
    return Usage(prompt_tokens=prompt, completion_tokens=estimate_tokens(answer), estimated=True)


def _message_tokens(message: Message) -> int:
    content = message.content
    parts = estimate_tokens(content) if isinstance(content, str) else sum(_part_tokens(part) for part in content or ())
    calls = _json_tokens(message.tool_calls) if message.tool_calls else 0
    return PER_MESSAGE + parts + calls


def _part_tokens(part: dict[str, Any]) -> int:
    text = part.get("text")
    return estimate_tokens(text) if isinstance(text, str) else PER_ATTACHMENT


def _json_tokens(value: list[dict[str, Any]]) -> int:
    return estimate_tokens(msgspec.json.encode(value).decode())
