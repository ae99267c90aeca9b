"""What a program written for RouteLLM's ``Controller`` finds here."""

from __future__ import annotations

import asyncio
import copy
import gc
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from router.controller import Completion, Controller, RequestFailed, RoutingError, Stream
from router.upstream.scripted import Turn
from tests.controller.conftest import Models
from tests.live import EASY, HARD

HELLO: Any = [{"role": "user", "content": "Hello!"}]


class TestRouteLLMsReadme:
    """The examples of RouteLLM's README and of its guide to local models, with models that are here."""

    def test_a_completion_is_routed_by_the_threshold_in_the_models_name(
        self, client: Controller, models: Models
    ) -> None:
        weak = client.chat.completions.create(model="router-mf-0.99", messages=HELLO)
        strong = client.chat.completions.create(model="router-mf-0.11593", messages=HELLO)

        assert weak.choices[0].message.content == "from the weak one"
        assert strong.choices[0].message.content == "from the strong one"
        assert models.weak.chats[-1].body["model"] == "llama-3.1-8b"
        assert models.strong.chats[-1].body["model"] == "gpt-4.1"
        assert models.strong.chats[-1].keys >= {"sk-of-both"}

    def test_router_and_threshold_may_be_arguments(self, shared: Controller) -> None:
        answer = shared.completion(router="mf", threshold=0.99, messages=HELLO)
        assert answer.headers["x-router-threshold"] == "0.9900"
        assert shared.completion(router="mf", threshold=1e-6, messages=HELLO).headers["x-router-route"] == "strong"

    async def test_the_async_calls_answer_alike(self, shared: Controller) -> None:
        answers = [
            await shared.acompletion(model="router-mf-0.99", messages=HELLO),
            await shared.chat.completions.acreate(model="router-mf-0.99", messages=HELLO),
        ]
        assert {answer.choices[0].message.content for answer in answers} == {"from the weak one"}

    def test_route_names_the_model_and_asks_nobody(self, client: Controller, models: Models) -> None:
        assert client.route(HARD, "mf", 0.77) == "openai/gpt-4.1"
        assert client.route(EASY, router="mf", threshold=0.77) == "hosted_vllm/llama-3.1-8b"
        assert not models.weak.chats
        assert not models.strong.chats

    def test_models_are_counted_by_router(self, client: Controller) -> None:
        for threshold in (0.1, 0.2, 0.99):
            client.completion(router="mf", threshold=threshold, messages=HELLO)
        client.completion(model="weak", messages=HELLO)
        assert client.model_counts["mf"] == {"openai/gpt-4.1": 2, "hosted_vllm/llama-3.1-8b": 1}
        assert client.model_counts["weak"] == {"hosted_vllm/llama-3.1-8b": 1}
        assert client.model_pair.strong == "openai/gpt-4.1"

    def test_win_rates_come_for_many_prompts_at_once(self, shared: Controller) -> None:
        easy, hard = shared.batch_calculate_win_rate([EASY, HARD], "mf")
        assert 0 < easy < hard < 1
        answer = shared.completion(model="auto", messages=[{"role": "user", "content": EASY}])
        assert float(answer.headers["x-router-win-rate"]) == pytest.approx(easy, abs=1e-4)

    def test_a_series_of_prompts_gives_a_series(self, shared: Controller) -> None:
        pandas = pytest.importorskip("pandas")
        found = shared.batch_calculate_win_rate(pandas.Series([EASY, HARD], index=["a", "b"]), "mf")
        assert list(found.index) == ["a", "b"]
        assert found["a"] < found["b"]


class TestNames:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"model": "router-bert-0.5"}, r"Invalid router bert\. Available routers are \['mf'\]"),
            ({"model": "router-mf-1.5"}, r"Invalid threshold 1\.5\. Threshold must be a float between 0\.0 and 1\.0"),
            ({"model": "router-mf-nan"}, "Invalid threshold nan"),
            ({"model": "router-mf-much"}, "Threshold much must be a float"),
            ({"model": "router-mf"}, r"format 'router-\[router name\]-\[threshold\]'"),
            ({"router": "mf"}, "Router or threshold unspecified"),
            ({"threshold": 0.5}, "Router or threshold unspecified"),
            ({"router": "mf", "threshold": -0.1}, "Invalid threshold -0.1"),
        ],
    )
    def test_what_is_no_router_or_threshold_is_refused_in_routellms_words(
        self, shared: Controller, arguments: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(RoutingError, match=said):
            shared.completion(messages=HELLO, **arguments)

    def test_an_unknown_router_is_refused_at_the_start(self, models: Models, tmp_path: Path) -> None:
        with pytest.raises(RoutingError, match=r"Invalid router random\. Available routers are \['mf', "):
            models.controller(tmp_path, routers=["mf", "random"])

    def test_the_servers_own_names_work_too(self, shared: Controller) -> None:
        assert shared.completion(model="strong", messages=HELLO).headers["x-router-reason"] == "pinned"
        assert shared.completion(messages=HELLO).headers["x-router-reason"] == "win-rate"

    def test_checkpoints_are_said_to_have_no_effect(self, models: Models, tmp_path: Path) -> None:
        with pytest.warns(UserWarning, match="does not use"):
            models.controller(tmp_path, config={"mf": {"checkpoint_path": "routellm/mf_gpt4_augmented"}}).close()


class TestThresholds:
    def test_a_share_of_strong_calls_is_read_off_the_curve(self, shared: Controller) -> None:
        assert 0.7 < shared.threshold_for(strong_share=0.5) < shared.threshold_for(strong_share=0.25) < 0.9
        assert shared.threshold_for(quality=1.0) == 0.0

    def test_a_share_of_ones_own_prompts_is_met_exactly(self, shared: Controller) -> None:
        prompts = [f"Prove that {number} is the sum of {number % 7} primes." for number in range(40)] + [EASY] * 10
        threshold = shared.threshold_for(strong_share=0.3, prompts=prompts)
        sent = [shared.route(prompt, "mf", threshold) for prompt in prompts].count("openai/gpt-4.1")
        assert sent == 15

    @pytest.mark.parametrize(
        "wish", [{}, {"strong_share": 0.5, "quality": 0.5}, {"strong_share": 1.5}, {"quality": 0.5, "prompts": ["a"]}]
    )
    def test_a_wish_that_is_none_is_refused(self, shared: Controller, wish: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"Give strong_share or quality|only a share"):
            shared.threshold_for(**wish)


class TestAnswers:
    def test_an_answer_has_openais_attributes_and_becomes_plain_again(self, shared: Controller) -> None:
        answer = shared.completion(model="weak", messages=HELLO)
        assert isinstance(answer, Completion)
        assert answer.choices[0].message.tool_calls is None
        assert answer.usage.completion_tokens > 0
        assert answer["choices"][0]["finish_reason"] == "stop"
        plain = answer.model_dump()
        assert plain["choices"][0]["message"] == {"role": "assistant", "content": "from the weak one"}
        assert '"from the weak one"' in answer.model_dump_json(indent=2)
        assert copy.deepcopy(answer) == answer
        with pytest.raises(AttributeError, match="no field 'choice'"):
            _ = answer.choice

    def test_an_answered_message_can_be_sent_back(self, client: Controller, models: Models) -> None:
        first = client.completion(model="weak", messages=HELLO)
        client.completion(model="weak", messages=[*HELLO, first.choices[0].message, *HELLO], temperature=None)
        sent = models.weak.chats[-1].body
        assert sent["messages"][1] == {"role": "assistant", "content": "from the weak one"}
        assert "temperature" not in sent

    def test_the_extras_of_openais_client_work(self, client: Controller, models: Models) -> None:
        asked = {"messages": HELLO, "extra_body": {"top_k": 3}, "extra_headers": {"Cache-Control": "no-store"}}
        for _ in range(2):
            answer = client.completion(model="auto", extra_query={"threshold": "0.99"}, **asked)
        assert answer.headers["x-router-cache"] == "bypass"
        assert answer.headers["x-router-threshold"] == "0.9900"
        assert models.weak.chats[-1].body["top_k"] == 3

    def test_an_equal_request_is_answered_from_the_cache_and_all_are_in_the_ledger(
        self, client: Controller, tmp_path: Path
    ) -> None:
        client.completion(model="auto", messages=HELLO)
        again = client.completion(model="auto", messages=HELLO)
        assert again.headers["x-router-cache"] == "exact"
        with sqlite3.connect(tmp_path / "ledger.sqlite3") as database:
            rows = database.execute("SELECT cache, tenant FROM requests ORDER BY seq").fetchall()
        assert rows == [("miss", "local"), ("exact", "local")]

    def test_an_error_has_its_fields(self, shared: Controller) -> None:
        with pytest.raises(RequestFailed, match="does not exist here") as caught:
            shared.completion(model="no-such-model", messages=HELLO)
        error = caught.value
        assert (error.status, error.code, error.param) == (404, "model_not_found", "model")
        assert error.request_id is not None
        assert error.request_id.startswith("req_")

    def test_what_json_cannot_say_is_refused(self, shared: Controller) -> None:
        with pytest.raises(TypeError, match="object cannot be said in JSON"):
            shared.completion(model="auto", messages=HELLO, response_format=object())

    def test_patience_ends_when_it_was_said_to(self, client: Controller, models: Models) -> None:
        models.weak.turns = [Turn(reply="late", delay_ms=30_000)]
        with pytest.raises(RequestFailed, match=r"No answer within 0\.2 seconds"):
            client.completion(model="weak", messages=HELLO, timeout=0.2)


class TestStreams:
    def test_a_stream_is_an_iterator_of_chunks(self, shared: Controller) -> None:
        stream = shared.chat.completions.create(model="router-mf-0.99", messages=HELLO, stream=True)
        assert isinstance(stream, Stream)
        assert stream.headers["x-router-route"] == "weak"
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "from the weak one"
        assert next(stream, None) is None

    async def test_a_stream_may_be_read_on_any_event_loop(self, shared: Controller) -> None:
        stream = await shared.acompletion(model="router-mf-0.99", messages=HELLO, stream=True)
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == "from the weak one"

    def test_who_closes_a_stream_takes_the_models_answer_along(self, client: Controller, models: Models) -> None:
        models.weak.turns = [Turn(reply="one two three four five", piece_delay_ms=500)]
        with client.completion(model="weak", messages=HELLO, stream=True) as stream:
            assert next(stream).choices[0].delta.role == "assistant"
        gone = asyncio.run_coroutine_threadsafe(models.weak.wait_until_a_client_left(), models.loop)
        gone.result(timeout=30)

    def test_a_stream_that_nobody_holds_any_more_is_left(self, client: Controller, models: Models) -> None:
        models.weak.turns = [Turn(reply="one two three four five", piece_delay_ms=500)]
        next(client.completion(model="weak", messages=HELLO, stream=True))
        gc.collect()
        gone = asyncio.run_coroutine_threadsafe(models.weak.wait_until_a_client_left(), models.loop)
        gone.result(timeout=30)

    def test_a_stream_that_breaks_off_is_an_error(self, client: Controller, models: Models) -> None:
        models.weak.turns = [Turn(reply="one two three", fault="cut-midway")]
        stream = client.completion(model="weak", messages=HELLO, stream=True)
        with pytest.raises(RequestFailed):
            list(stream)
        assert list(stream) == []


class TestThreads:
    def test_many_threads_may_share_one(self, client: Controller, models: Models) -> None:
        def ask(number: int) -> str:
            question = [{"role": "user", "content": f"Question {number}"}]
            answer = client.completion(model="router-mf-0.99", messages=question)
            return str(answer.choices[0].message.content)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, range(40)))
        assert answers == ["from the weak one"] * 40
        assert client.model_counts["mf"] == {"hosted_vllm/llama-3.1-8b": 40}

    async def test_plain_calls_work_beside_a_running_loop_as_in_a_notebook(self, shared: Controller) -> None:
        assert shared.completion(model="weak", messages=HELLO).choices[0].message.role == "assistant"

    async def test_a_cancelled_call_takes_its_request_along(self, client: Controller, models: Models) -> None:
        models.weak.turns = [Turn(reply="late", delay_ms=30_000)]
        asking = asyncio.create_task(client.acompletion(model="weak", messages=HELLO))
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(models.weak.wait_until_asked(), models.loop))
        asking.cancel()
        gone = asyncio.run_coroutine_threadsafe(models.weak.wait_until_a_client_left(), models.loop)
        await asyncio.wait_for(asyncio.wrap_future(gone), 30)

    def test_a_closed_one_says_so_and_closing_twice_is_no_harm(self, client: Controller) -> None:
        client.close()
        client.close()
        with pytest.raises(RoutingError, match="is closed"):
            client.completion(model="weak", messages=HELLO)

    def test_closing_ends_what_is_under_way(self, client: Controller, models: Models) -> None:
        models.weak.turns = [Turn(reply="late", delay_ms=30_000)]
        failed: list[BaseException] = []

        def ask() -> None:
            try:
                client.completion(model="weak", messages=HELLO)
            except RoutingError as error:
                failed.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        asyncio.run_coroutine_threadsafe(models.weak.wait_until_asked(), models.loop).result(timeout=30)
        client.close()
        thread.join(timeout=30)
        assert "closed before the answer came" in str(failed[0])

    def test_one_that_the_servers_own_thread_collects_as_garbage_ends_in_peace(
        self, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        complaints: list[object] = []
        monkeypatch.setattr(sys, "unraisablehook", complaints.append)
        client = models.controller(tmp_path)
        thread, close = client._inside._thread, client._closed
        client._inside.submit(_called(close)).result(timeout=30)
        thread.join(timeout=30)
        assert not thread.is_alive()
        assert complaints == []

    def test_a_header_that_cannot_be_sent_leaves_nothing_behind(self, client: Controller) -> None:
        with pytest.raises(UnicodeEncodeError):
            client.completion(model="weak", messages=HELLO, extra_headers={"x-price": "5 €"})
        assert client._inside._replies == set()


async def _called(function: Any) -> None:
    function()


class TestInAProcess:
    def test_a_program_that_forgets_to_close_it_ends_all_the_same(
        self, models: Models, repository: Path, tmp_path: Path
    ) -> None:
        program = f"""
from router.controller import Controller
from router.settings import Settings
settings = Settings(home={str(tmp_path)!r})
client = Controller(weak_model="openai/m", weak_api_base={models.weak.base_url!r}, settings=settings)
print(client.completion(model="weak", messages=[dict(role="user", content="Hello!")]).choices[0].message.content)
"""
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, timeout=120, check=False
        )
        assert (done.stdout, done.stderr, done.returncode) == ("from the weak one\n", "", 0)

    def test_importing_it_is_cheap(self, repository: Path) -> None:
        program = "import sys, router.controller; print(sorted({'litestar', 'numpy', 'httpx'} & set(sys.modules)))"
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, timeout=120, check=True
        )
        assert done.stdout == "[]\n"
