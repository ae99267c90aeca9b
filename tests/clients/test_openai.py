"""The official ``openai`` client in all that it does with chat completions; what it is told is what the model said."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio
from pydantic import BaseModel

from tests.clients.conftest import KEY
from tests.clients.recordings import CITIES, REASONING, SCHEMA, TEXT
from tests.live import EASY, LiveServer
from tests.recorded import RecordedServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASK: Any = [{"role": "user", "content": EASY}]
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]


class City(BaseModel):
    """What the client is to read an answer as."""

    city: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(server: LiveServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0) as made:
        yield made


def arguments_of(calls: Any) -> list[Any]:
    return [json.loads(call.function.arguments) for call in calls]


async def test_parallel_tool_calls_whole_and_streamed(client: openai.AsyncOpenAI, strong: RecordedServer) -> None:
    asked: Any = {"model": "strong", "messages": ASK, "tools": TOOLS, "parallel_tool_calls": True}
    whole = await client.chat.completions.create(**asked)
    async with client.chat.completions.stream(**asked) as stream:
        await stream.until_done()
        streamed = await stream.get_final_completion()
    for answer in (whole, streamed):
        message = answer.choices[0].message
        assert message.content == TEXT
        assert arguments_of(message.tool_calls) == [{"city": city} for city in CITIES]
        assert answer.choices[0].finish_reason == "tool_calls"
    assert whole.choices[0].message.to_dict()["reasoning_content"] == REASONING
    assert whole.usage is not None
    assert whole.usage.prompt_tokens_details is not None
    assert whole.usage.prompt_tokens_details.cached_tokens == 60
    assert strong.asked[-1].body["tools"] == TOOLS


async def test_the_rest_of_chat_completions_reaches_the_model(
    client: openai.AsyncOpenAI, strong: RecordedServer
) -> None:
    asked: Any = {
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                ],
            },
        ],
        "n": 1,
        "logprobs": True,
        "top_logprobs": 2,
        "seed": 7,
        "stop": ["END"],
        "max_completion_tokens": 50,
        "reasoning_effort": "low",
        "response_format": {"type": "json_object"},
        "tool_choice": "none",
        "tools": TOOLS,
    }
    await client.chat.completions.create(model="strong", **asked, extra_body={"unheard_of": {"a": 1}})
    assert strong.asked[-1].body == {**asked, "unheard_of": {"a": 1}, "model": "recorded-model"}


async def test_answers_are_read_into_types(client: openai.AsyncOpenAI, strong: RecordedServer) -> None:
    message = {"role": "assistant", "content": '{"city": "Oslo"}'}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    told = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    recorded, strong.answer = strong.answer, json.dumps(told)
    try:
        parsed = await client.chat.completions.parse(model="strong", messages=ASK, response_format=City)
    finally:
        strong.answer = recorded
    assert parsed.choices[0].message.parsed == City(city="Oslo")
    assert strong.asked[-1].body["response_format"]["json_schema"]["name"] == "City"


async def test_models_are_listed_and_described(client: openai.AsyncOpenAI) -> None:
    names = [model.id async for model in client.models.list()]
    assert {"auto", "weak", "strong", "weak-model", "recorded-model"} <= set(names)
    assert (await client.models.retrieve("recorded-model")).object == "model"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("gpt-17")


async def test_what_is_not_served_is_not_found_in_the_clients_own_terms(client: openai.AsyncOpenAI) -> None:
    for call in (
        client.images.generate(prompt="a dog"),
        client.moderations.create(input="x"),
        client.files.retrieve("f"),
        client.files.delete("f"),
        client.chat.completions.retrieve("c"),
    ):
        with pytest.raises(openai.NotFoundError) as caught:
            await call
        assert caught.value.code == "unknown_url"
