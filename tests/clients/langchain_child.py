"""LangChain's ChatOpenAI at a server; run by `test_frameworks` in the environment that has it.

Takes the server's address and key, prints what it was told as JSON.
"""

from __future__ import annotations

import json
import sys

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

QUESTION = "What is the capital of France?"


@tool
def weather(city: str) -> str:
    """Say what the weather is in a city."""
    return f"fine in {city}"


def main(url: str, key: str) -> None:
    """Ask in every way that applications do."""

    def chat(model: str) -> ChatOpenAI:
        return ChatOpenAI(model=model, base_url=f"{url}/v1", api_key=key, max_retries=0, stream_usage=True)

    whole = chat("auto").invoke(QUESTION)
    pieces = list(chat("auto").stream(QUESTION))
    with_tools = chat("strong").bind_tools([weather])
    called = with_tools.invoke(QUESTION)
    streamed = None
    for piece in with_tools.stream(QUESTION):
        streamed = piece if streamed is None else streamed + piece
    results = [ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"]) for call in called.tool_calls]
    with_tools.invoke([HumanMessage(QUESTION), called, *results])
    told = {
        "whole": whole.content,
        "usage": whole.usage_metadata["output_tokens"],
        "streamed": "".join(piece.content for piece in pieces),
        "streamed_usage": sum(piece.usage_metadata["output_tokens"] for piece in pieces if piece.usage_metadata),
        "calls": [call["args"] for call in called.tool_calls],
        "streamed_calls": [call["args"] for call in streamed.tool_calls],
        "batch": [message.content for message in chat("weak").batch([QUESTION, QUESTION])],
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
