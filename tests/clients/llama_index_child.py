"""LlamaIndex's OpenAI client at a server; run by `test_frameworks` in the environment that has it.

Takes the server's address and key, prints what it was told as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAI

QUESTION = "What is the capital of France?"


def weather(city: str) -> str:
    """Say what the weather is in a city."""
    return f"fine in {city}"


def main(url: str, key: str) -> None:
    """Ask in every way that applications do."""
    # It looks its models' windows up by name, so that it must be given one that it knows.
    llm = OpenAI(model="gpt-4o", api_base=f"{url}/v1", api_key=key, max_retries=0, additional_kwargs={"model": "auto"})
    strong = OpenAI(
        model="gpt-4o", api_base=f"{url}/v1", api_key=key, max_retries=0, additional_kwargs={"model": "strong"}
    )
    messages = [ChatMessage(role="user", content=QUESTION)]
    called = strong.chat_with_tools(
        [FunctionTool.from_defaults(weather)], chat_history=messages, allow_parallel_tool_calls=True
    )
    calls = strong.get_tool_calls_from_response(called)
    told = {
        "whole": llm.chat(messages).message.content,
        "streamed": "".join(piece.delta or "" for piece in llm.stream_chat(messages)),
        "later": asyncio.run(llm.achat(messages)).message.content,
        "completed": llm.complete(QUESTION).text,
        "calls": [call.tool_kwargs for call in calls],
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
