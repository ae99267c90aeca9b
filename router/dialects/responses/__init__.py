"""OpenAI's Responses API, told in chat completions."""

from router.dialects.responses.dialect import RESPONSES

__all__ = ["RESPONSES"]
