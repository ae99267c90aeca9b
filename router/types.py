"""The nouns of Underdog: frozen records that the parts hand to one another. No behaviour beyond small properties."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from msgspec import Raw, Struct

Route = Literal["weak", "strong", "named"]
"""Which of the two models answers; ``named`` is a third one, which the caller asked for by its id."""

Endpoint = Literal["chat/completions", "completions", "embeddings"]
"""The path below an upstream's base URL that a request goes to."""

Reason = Literal[
    "win-rate",  # the win rate was compared with the threshold
    "pinned",  # the caller named the model
    "unfamiliar",  # the prompt is unlike all training, so the win rate was not heeded
    "rule",  # a rule of the operator's chose the route, or moved the threshold
    "hook",  # the operator's hook did
    "key",  # the bounds of the caller's key moved the threshold
    "paced",  # the threshold was moved so that a budget lasts
    "capability",  # the model that was due does not take what the request needs
    "context",  # the prompt may be longer than the window of the model that was due
    "sticky",  # the weak one was due, and leaving the strong one's prompt cache would cost more than it saves
    "no-strong-model",  # the strong one was due, and none is configured
    "no-weak-model",  # the weak one was due, and none is configured
    "strong-failed",  # the strong upstream failed before its first byte, the weak one answered
    "weak-failed",  # the other way round
    "context-fallback",  # the prompt was longer than the window of the model that was due
    "content-filter-fallback",  # a content filter refused it at the model that was due
]

DUE_REASONS: tuple[Reason, ...] = ("win-rate", "unfamiliar")
"""The reasons of requests that went where they were due: what is said of a threshold holds for these alone."""

NOT_BY_THRESHOLD: tuple[Reason, ...] = ("pinned", "rule", "hook", "capability", "context", "sticky")
"""The reasons of requests that went where they did whatever their win rate."""

WhenUnfamiliar = Literal["strong", "weak", "win-rate"]
"""Where unfamiliar prompts go: to one of the models whatever their win rate, or by the win rate after all."""

CacheOutcome = Literal["exact", "semantic", "miss", "bypass"]

Rating = Literal["good", "bad"]
"""What a caller thought of an answer."""

Role = Literal["system", "developer", "user", "assistant", "tool", "function"]


class Message(Struct, frozen=True, kw_only=True):
    """One chat message as OpenAI defines it. Fields that routing does not read stay in the raw body."""

    role: Role
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None


class StreamOptions(Struct, frozen=True):
    """OpenAI's ``stream_options``."""

    include_usage: bool | None = None


class ChatRequest(Struct, frozen=True, kw_only=True):
    """The typed view of a chat request: what routing and caching need to understand.

    The raw body travels beside it, since fields that we do not know must still reach the upstream. Every field is
    forwarded as it came; defaults here only say how an absent field is read.
    """

    messages: list[Message]
    model: str = "auto"
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    tools: list[dict[str, Any]] | None = None


class Native(Struct, frozen=True, kw_only=True):
    """A request in the protocol in which it came, where that is not OpenAI's chat completions.

    An upstream that speaks ``dialect`` itself may send ``body`` as it is, but for the model and ``stream``. ``headers``
    are those of the caller's that belong to the protocol, such as ``anthropic-beta``; names in lower case. ``needs``
    are the features, such as ``web_search``, that an upstream which does not speak the protocol cannot have: the other
    form of the request says nothing of them.
    """

    dialect: Literal["messages", "responses", "completions"]
    body: dict[str, Any]
    headers: dict[str, str] = {}
    needs: tuple[str, ...] = ()


NATIVE = "underdog.native"
"""The field of an answer in chat form, or of a chunk of one, that holds the same as an upstream said it in the protocol
that it shares with the caller; and of a request's body, where keys of the cache are made, what its native form says
beyond it."""

SO_FAR = "underdog.so_far"
"""The field of a chunk of our own making that tells the usage so far, and is for the ledger alone."""


class Tuning(Struct, frozen=True, kw_only=True):
    """How the caller wants this request routed. At most one of the three dials is set.

    ``threshold``: 0..1, strong when win rate >= threshold. ``quality``: 0..1, the share of the gap between the weak and
    the strong model to recover. ``strong_share``: 0..1, the share of requests to send to the strong model.
    ``cache_only``: answer from the cache or not at all. ``source`` says where it came from: ``query``, ``header``,
    ``model``, ``key`` or ``server``.
    """

    threshold: float | None = None
    quality: float | None = None
    strong_share: float | None = None
    operating_point: str | None = None
    pinned_route: Route | None = None
    pinned_model: str | None = None
    cache_only: bool = False
    source: str = "server"


class Ruling(Struct, frozen=True, kw_only=True):
    """What the operator's rules, the hook, the key or a budget say of one request. By default nothing.

    ``name``: the rules that were applied. ``route`` or ``model``: where it goes, whatever the caller asked for.
    ``min_threshold``, ``max_threshold``: bounds of the caller's threshold. ``cache``: False keeps it away from the
    cache. ``refuse``: a sentence for the caller, who gets nothing else.
    """

    name: str | None = None
    route: Route | None = None
    model: str | None = None
    min_threshold: float = 0.0
    max_threshold: float = 1.0
    cache: bool = True
    refuse: str | None = None
    by: Literal["rule", "hook", "key", "paced"] = "rule"


class Shortfall(Struct, frozen=True, kw_only=True):
    """What a model lacks to answer a request.

    ``field``: what of the request asks for it. ``what``: the need in words (``images``, ``about 9000 tokens``).
    ``takes``: what the model takes of it. ``certain``: False where the estimate of the prompt's length leaves it open.
    """

    reason: Literal["capability", "context"]
    field: str
    what: str
    takes: str
    certain: bool = True


class Evidence(Struct, frozen=True, kw_only=True):
    """What the decision rested on, for people: the score and the parts that pushed it.

    ``unfamiliarity`` above 1: the prompt is unlike everything in training. None where the artifact cannot tell.
    ``needs``: what of the request the model that was due does not take, in words; None where it takes everything.
    """

    score: float | None = None
    tokens: int | None = None
    unfamiliarity: float | None = None
    tuned_by: str = "server"
    contributions: dict[str, float] = {}
    needs: str | None = None


class Decision(Struct, frozen=True, kw_only=True):
    """Where a request goes and why. ``win_rate`` and ``threshold`` are None where no score was needed (pinned).

    ``rule`` names the operator's rule that was applied, if one was. ``eligible``: the routes that may answer this
    request; no other may, whatever fails.
    """

    route: Route
    model: str
    reason: Reason
    win_rate: float | None
    threshold: float | None
    artifact: str
    evidence: Evidence
    rule: str | None = None
    eligible: tuple[Route, ...] = ("weak", "strong")


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens of one answer. ``estimated`` where the upstream did not say and a tokenizer counted.

    Of the prompt, ``cached_tokens`` came from the provider's prompt cache and ``cache_written_tokens`` went into it,
    ``cache_written_1h_tokens`` of them for an hour. ``service_tier``: in which the provider says that it answered.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_written_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cache_written_1h_tokens: int = 0
    prompt_audio_tokens: int = 0
    completion_audio_tokens: int = 0
    service_tier: str | None = None


class Served(Struct, frozen=True, kw_only=True):
    """Who gave an answer: the provider by the price list's id, the model by the provider's, the deployment by name.

    ``attempts``: which attempt it was that was answered, 1 being the first.
    """

    provider: str | None
    model: str
    deployment: str
    attempts: int = 1


class Cost(Struct, frozen=True):
    """US dollars. ``usd`` is what the answer cost, ``baseline_usd`` what the strong model would have cost.

    ``uncertain_usd``: the part of the baseline that hangs on the length of an answer which another model wrote; the
    strong one might have said more, or less. None where the price is not known; unknown is never shown as zero.
    """

    usd: Decimal | None
    baseline_usd: Decimal | None
    uncertain_usd: Decimal | None = None

    @property
    def saved_usd(self) -> Decimal | None:
        """What was saved against the strong model; negative where more was spent, None where a price is unknown."""
        if self.usd is None or self.baseline_usd is None:
            return None
        return self.baseline_usd - self.usd


class LedgerRow(Struct, frozen=True, kw_only=True, gc=False):
    """One request, as the ledger keeps it. No prompt, no answer, no key.

    ``status`` is the HTTP status that the caller saw (499: the caller left). ``outcome``: ``ok``, ``error`` or
    ``cancelled``. Times are milliseconds of wall clock; ``at`` is aware UTC. ``scored_tokens`` and ``unfamiliarity``
    are what the decision saw of the prompt; None where nothing was scored (an exact answer from the cache).

    ``team`` and ``user_id`` are those of the key; ``provider`` and ``deployment`` are who answered, at the attempt of
    that number; ``rule`` names the operator's rules that were applied.

    ``uncertain_usd`` is the part of the baseline that hangs on the length of an answer which another model wrote; None
    unless cost and baseline are both known. ``verify_us``: what looking for a reworded question in the cache took.
    ``embedded_ms``: how long the embedded LLM was busy with the answer, where that gave it.

    ``cache_key`` is the request's exact key in the cache, in hex: a digest, from which nothing can be read, but by
    which a guess can be checked; it stays out of exports. Where a reworded question was answered, ``cache_entry`` is
    the key of the entry that did, ``cache_verdict`` the score by which ``cache_verifier`` let it (infinite: certain).
    """

    request_id: str
    at: datetime
    tenant: str
    key_id: str | None = None
    team: str | None = None
    user_id: str | None = None
    endpoint: str = "/v1/chat/completions"
    requested_model: str | None = None
    route: Route | None = None
    model: str | None = None
    provider: str | None = None
    deployment: str | None = None
    attempts: int = 0
    reason: str | None = None
    rule: str | None = None
    win_rate: float | None = None
    threshold: float | None = None
    artifact: str | None = None
    cache: CacheOutcome | None = None
    cache_similarity: float | None = None
    stream: bool = False
    status: int = 200
    outcome: Literal["ok", "error", "cancelled"] = "ok"
    error_code: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_written_tokens: int = 0
    reasoning_tokens: int = 0
    tokens_estimated: bool = False
    cost_usd: Decimal | None = None
    baseline_cost_usd: Decimal | None = None
    uncertain_usd: Decimal | None = None
    latency_ms: float = 0.0
    first_token_ms: float | None = None
    decision_us: float | None = None
    verify_us: float | None = None
    embedded_ms: float | None = None
    scored_tokens: int | None = None
    unfamiliarity: float | None = None
    cache_key: str | None = None
    cache_entry: str | None = None
    cache_verdict: float | None = None
    cache_verifier: str | None = None


class CachedAnswer(Struct, frozen=True, kw_only=True):
    """A complete answer as the cache keeps it: the upstream's own JSON body (a ``chat.completion``) and what it took.

    ``body`` is replayed as it is for a plain request and re-framed into events for a streamed one: its text in
    ``pieces`` of so many characters where it came as a stream. ``cost_usd``: what it cost, None where that is unknown.
    """

    body: Raw
    route: Route
    model: str
    usage: Usage
    win_rate: float | None = None
    threshold: float | None = None
    reason: str = "win-rate"
    pieces: tuple[int, ...] | None = None
    cost_usd: Decimal | None = None


__all__ = [
    "DUE_REASONS",
    "NATIVE",
    "SO_FAR",
    "CacheOutcome",
    "CachedAnswer",
    "ChatRequest",
    "Cost",
    "Decision",
    "Endpoint",
    "Evidence",
    "LedgerRow",
    "Message",
    "Native",
    "Rating",
    "Raw",
    "Reason",
    "Role",
    "Route",
    "Ruling",
    "Served",
    "Shortfall",
    "StreamOptions",
    "Tuning",
    "Usage",
    "WhenUnfamiliar",
]
