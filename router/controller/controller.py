"""RouteLLM's ``Controller``: the same calls, answered by Underdog's gateway in this process.

Written to the surface of RouteLLM's own (github.com/lm-sys/RouteLLM, routellm/controller.py, Apache-2.0): names of
arguments, methods and errors are theirs, so that programs need another import and other thresholds, and no more.
"""

from __future__ import annotations

import asyncio
import os
import threading
import warnings
import weakref
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from router.controller.asking import Asked, completed, previewed, understood
from router.controller.inside import Inside
from router.controller.names import ROUTERS, model_name, read_name, require_known
from router.controller.pair import Side, settings_for
from router.controller.records import Completion
from router.controller.streams import AsyncStream, Stream

if TYPE_CHECKING:
    from router.scoring.scorer import Scorer
    from router.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ModelPair:
    """The two models, by the names that they were given."""

    strong: str
    weak: str


class Controller:
    """Routes chat requests between a strong and a weak model, in this process.

    ::

        client = Controller(routers=["mf"], strong_model="gpt-4.1", weak_model="ollama_chat/llama3.1:8b")
        threshold = client.threshold_for(strong_share=0.5)
        answer = client.chat.completions.create(
            model=f"router-mf-{threshold}", messages=[{"role": "user", "content": "Hello!"}]
        )
        print(answer.choices[0].message.content)

    One difference matters: **thresholds are on Underdog's scale**. They are win rates of its own classifier, which move
    in a narrow band (about .71 to .85 with the artifact that ships), so that RouteLLM's 0.11593 sends everything to the
    strong model. ``threshold_for`` gives the one for a share of strong calls, as does ``underdog tune-threshold``.

    Behind it is the whole server without its socket: cache, ledger, prices, fallbacks, rules. It has a thread and an
    event loop of its own, so that both kinds of calls work from any thread and beside a running loop, in a notebook
    too. Close it, or use it in a ``with`` block.

    Args:
        routers: names that model names may carry, of RouteLLM's; Underdog's one classifier stands behind them all.
        strong_model: in LiteLLM's notation, such as ``openai/gpt-4.1`` or ``gpt-4.1``; None as the settings say.
        weak_model: likewise, such as ``ollama_chat/llama3.1:8b``; None as the settings say, else the embedded LLM.
        config: RouteLLM's checkpoints, which have no effect here.
        api_base: base URL of both models, as with RouteLLM; with its ``/v1``.
        api_key: key for both models; None takes each provider's from the environment.
        progress_bar: no effect: one artifact loads in a fraction of a second.
        default_model: what is asked for where a request names neither a model nor a router.
        strong_api_base, strong_api_key: for the strong model alone.
        weak_api_base, weak_api_key: for the weak model alone.
        settings: of the server behind it, such as ``router.settings.load_settings()`` reads from file and environment;
            None takes the defaults, and from the environment nothing but ``UNDERDOG_HOME``.

    Raises:
        RoutingError: a router is unknown.
        SettingsError: a model cannot be placed, or its key is not there.
        UnderdogError: artifact or ledger cannot be used.
    """

    def __init__(
        self,
        routers: Sequence[str] = ("mf",),
        strong_model: str | None = None,
        weak_model: str | None = None,
        config: Mapping[str, Mapping[str, Any]] | None = None,
        api_base: str | None = None,
        api_key: str | None = None,
        progress_bar: bool = False,
        *,
        default_model: str = "auto",
        strong_api_base: str | None = None,
        strong_api_key: str | None = None,
        weak_api_base: str | None = None,
        weak_api_key: str | None = None,
        settings: Settings | None = None,
    ) -> None:
        require_known(routers, among=ROUTERS)
        if config:
            warnings.warn(
                "config names RouteLLM's checkpoints, which Underdog does not use: its own classifier decides "
                "(settings=Settings(artifact=...) chooses another).",
                stacklevel=2,
            )
        sides = (
            Side("strong", strong_model, strong_api_base or api_base, strong_api_key or api_key),
            Side("weak", weak_model, weak_api_base or api_base, weak_api_key or api_key),
        )
        self.routers = tuple(routers)
        self.default_model = default_model
        self.model_counts: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._counting = threading.Lock()
        self._inside = Inside(settings_for(settings or _plain_settings(), sides, os.environ), os.environ)
        models = self._inside.gateway.models
        self.model_pair = ModelPair(
            strong=strong_model or models.strong or "strong", weak=weak_model or models.weak or "weak"
        )
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=self.completion, acreate=self.acompletion))
        self._closed = weakref.finalize(self, self._inside.close)

    def completion(
        self, *, router: str | None = None, threshold: float | None = None, **arguments: Any
    ) -> Completion | Stream | Any:
        """Answer a chat request; the arguments are those of OpenAI's ``chat.completions.create``.

        Args:
            router: with ``threshold``, instead of a ``model``.
            threshold: 0..1.
            arguments: ``model``: ``router-NAME-THRESHOLD``, or any name that the server takes, such as ``auto:cheap``;
                ``messages``; ``stream``; ``extra_headers``, ``extra_query``, ``extra_body``, ``timeout`` (seconds);
                everything else goes to the model as it is.

        Returns:
            A ``Completion``, or with ``stream=True`` a ``Stream`` of chunks.

        Raises:
            RoutingError: the router or the threshold is none.
            RequestFailed: the request was answered with an error.
        """
        asked = self._understood(router, threshold, arguments)
        answered = self._inside.run(completed(self._inside, asked))
        self._count(asked, answered.headers)
        return answered if isinstance(answered, Completion) else Stream(self._inside, answered, self)

    async def acompletion(
        self, *, router: str | None = None, threshold: float | None = None, **arguments: Any
    ) -> Completion | AsyncStream | Any:
        """The same on any event loop; a cancelled call takes its request along."""
        asked = self._understood(router, threshold, arguments)
        answered = await self._awaited(completed(self._inside, asked))
        self._count(asked, answered.headers)
        return answered if isinstance(answered, Completion) else AsyncStream(self._inside, answered, self)

    def route(self, prompt: str, router: str, threshold: float) -> str:
        """The model that a prompt would be sent to, by its name; asks nobody.

        Raises:
            RoutingError: the router or the threshold is none.
        """
        name = model_name(router, threshold, among=self.routers)
        body = {"model": name, "messages": [{"role": "user", "content": prompt}]}
        preview = self._inside.run(previewed(self._inside, body))
        return self._named(preview["route"], preview["model"])

    def batch_calculate_win_rate(self, prompts: Iterable[str], router: str) -> Any:
        """The win rate, 0..1, of every prompt.

        Args:
            prompts: a pandas ``Series``, or any other collection of texts.
            router: one of ``routers``.

        Returns:
            float64 [N]: a ``Series`` of the same index for a ``Series``, else a list.

        Raises:
            RoutingError: the router is none.
        """
        require_known([router], among=self.routers)
        _, win_rates = self._scorer.score_batch(list(prompts))
        index = getattr(prompts, "index", None)
        if index is None or callable(index):  # a list's own method of that name
            return win_rates.tolist()
        return type(prompts)(win_rates, index=index)  # type: ignore[call-arg]

    def threshold_for(
        self,
        *,
        strong_share: float | None = None,
        quality: float | None = None,
        prompts: Iterable[str] | None = None,
    ) -> float:
        """The threshold for a wish, on Underdog's scale: what RouteLLM calls calibrating it.

        Args:
            strong_share: share of requests, 0..1, to send to the strong model.
            quality: instead of that, the share of the gap between weak and strong model to recover, 0..1.
            prompts: your own, whose share it is to be; None reads it off the artifact's curve.

        Raises:
            ValueError: not just one of both is given, it lies outside 0..1, or prompts are given for a quality.
        """
        wish = strong_share if quality is None else quality
        if wish is None or (strong_share is not None and quality is not None) or not 0.0 <= wish <= 1.0:
            raise ValueError("Give strong_share or quality, one of them, from 0 to 1.")
        if prompts is not None:
            if strong_share is None:
                raise ValueError("Of prompts alone, without grades, only a share can be told; leave quality out.")
            from router.scoring.shares import scored, threshold_for_share

            when = self._inside.gateway.wiring.ways.when_unfamiliar
            return threshold_for_share(scored(self._scorer, prompts, when_unfamiliar=when), strong_share).threshold
        curve = self._scorer.curve
        return curve.threshold_for_quality(wish) if strong_share is None else curve.threshold_for_strong_share(wish)

    def close(self) -> None:
        """Let go of everything, requests under way included."""
        self._closed()

    async def aclose(self) -> None:
        """The same without holding up an event loop."""
        await asyncio.to_thread(self._closed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def _scorer(self) -> Scorer:
        return self._inside.gateway.in_use.scorer

    def _understood(self, router: str | None, threshold: float | None, arguments: dict[str, Any]) -> Asked:
        model = arguments.pop("model", None)
        if model is None and router is None and threshold is None:
            model = self.default_model
        name = model if model is not None else model_name(router, threshold, among=self.routers)
        return understood(name, read_name(name, among=self.routers), arguments)

    async def _awaited(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(self._inside.submit(coroutine))

    def _count(self, asked: Asked, headers: Mapping[str, str]) -> None:
        model = self._named(headers.get("x-router-route", ""), headers.get("x-router-model", ""))
        with self._counting:
            self.model_counts[asked.router or asked.model][model] += 1

    def _named(self, route: str, model: str) -> str:
        return {"strong": self.model_pair.strong, "weak": self.model_pair.weak}.get(route, model)


def _plain_settings() -> Settings:
    from router.settings import Settings

    return Settings(home=os.environ.get("UNDERDOG_HOME") or None)
