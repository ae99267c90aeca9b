"""Whether a conversation that the strong model answered stays there when the weak one is due.

Up to the strong model a conversation goes whenever that is due. Down to the weak one it goes only where it pays. The
strong provider holds the conversation so far in its prompt cache and reads it there for less; who moves on reads all of
it anew at the weak one's full price, and once more at the strong one's when the conversation comes back. With C tokens
held, N new ones and O of answer, each turn costs

    stay   C at the strong model's cached price, N and O at its full one
    first  C, N and O at the weak model's full price
    next   C at the weak model's cached price, N and O at its full one

and it moves down where ``(stay - first) + (TURNS - 1) * (stay - next)`` is more than the loss: what C costs at the
strong model's full price beyond its cached one. What follows:

- A weak model that is not billed by token saves all of ``stay``. It always takes over where cached tokens cost a
  quarter of the full price or more; where they cost a tenth, up to a history of some 7,000 to 11,000 tokens.
- A weak model that is billed stays out of long conversations, where reading everything anew costs more than the strong
  one's cached price.
- Where the strong provider has no cheaper price for cached tokens, caches only what it is asked to (``ON_REQUEST``) and
  was not, the history is short (``LEAST_TOKENS``) or the last answer is long ago (``WARM_S``), nothing is lost, and the
  win rate decides as ever.
- Where a price is not known, or the strong model is not billed either, money cannot tell: the conversation stays
  unless its win rate is clearly (``MARGIN``) below the threshold, so that it does not go to and fro.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from router.ledger.prices import ModelRef, Prices
from router.scoring.prompt import text_of
from router.sticky.memory import Memory, Stay
from router.sticky.trail import Trail
from router.types import Message, Route, Usage

TURNS = 3
"""Turns that a conversation is expected to go on, this one included. An assumption: it is short on purpose, so that a
doubtful move is not made for savings that never come."""

ANSWER_TOKENS = 264
"""Expected length of an answer: the mean that RouteLLM's paper (arXiv 2406.18665) takes for its costs."""

LEAST_TOKENS = 1_024
"""The shortest prompt that providers cache (OpenAI's and Anthropic's documentation of prompt caching)."""

ON_REQUEST = frozenset({"anthropic", "aws"})
"""Providers that keep a prompt only where the request says ``cache_control`` or a cache point; their usage tells."""

WARM_S = 600.0
"""Seconds for which the strong provider is taken to hold a conversation: Anthropic says 5 minutes, OpenAI 5 to 10."""

MARGIN = 0.1
"""How far below the threshold a win rate must be where prices do not tell: so much of the traffic lies between, by the
artifact's curve. Win rates themselves lie too close to one another to be subtracted."""

_CHARS_PER_TOKEN = 4


class Stickiness:
    """Remembers who answered which conversation, and says whether the next turn stays.

    Args:
        memory: where that is kept.
        clock: monotonic seconds.
        prices: what models cost.
    """

    def __init__(self, memory: Memory, clock: Callable[[], float], prices: Prices) -> None:
        self._memory = memory
        self._clock = clock
        self._prices = prices

    def answered(self, way: Trail, *, route: Route, model: str, usage: Usage | None) -> None:
        """A request was answered."""
        tokens = 0 if usage is None else usage.prompt_tokens + usage.completion_tokens
        cached = usage is not None and usage.cached_tokens + usage.cache_written_tokens > 0
        self._memory.put(way.own, Stay(route, model, tokens, self._clock(), cached))

    def stays(
        self,
        way: Trail,
        messages: Sequence[Message],
        *,
        weak: ModelRef,
        strong: ModelRef,
        between: Callable[[], float],
    ) -> bool:
        """Whether a request for which the weak model is due stays on the strong one. The module docstring has the rule.

        Args:
            way: the request's digests.
            messages: its messages.
            weak: the weak model, by which it would be answered.
            strong: the strong model.
            between: share of the traffic whose win rates lie between the request's own and the threshold.
        """
        last, covered = self._last(way)
        if last is None or last.route != "strong" or last.model != strong.model:
            return False
        # Behind what was asked then come the answer, which the cache holds too, and what is new.
        new = sum(len(text_of(message.content)) for message in messages[covered + 1 :]) // _CHARS_PER_TOKEN
        warm = self._clock() - last.at <= WARM_S and (last.cached or strong.provider not in ON_REQUEST)
        pays = worth_leaving(self._prices, weak, strong, held=last.tokens if warm else 0, new=new)
        return between() < MARGIN if pays is None else not pays

    def _last(self, way: Trail) -> tuple[Stay | None, int]:
        """The stay of the longest part of the conversation that is known."""
        for key, covered in way.known:
            if (stay := self._memory.get(key)) is not None:
                return stay, covered
        return None, 0


def worth_leaving(prices: Prices, weak: ModelRef, strong: ModelRef, *, held: int, new: int) -> bool | None:
    """Whether moving down saves more than the lost cache costs; None where prices do not tell.

    Args:
        prices: what models cost.
        weak: the model to move to.
        strong: the model to leave.
        held: tokens that the strong provider's cache holds.
        new: tokens of prompt that it does not.
    """
    held = held if held >= LEAST_TOKENS else 0
    stay, full = (_price(prices, strong, held, new, cached=cached) for cached in (True, False))
    first, later = (_price(prices, weak, held, new, cached=cached) for cached in (False, True))
    if not stay or full is None or first is None or later is None:
        return None
    saved = (stay - first) + (TURNS - 1) * (stay - later)
    return saved > full - stay


def _price(prices: Prices, model: ModelRef, held: int, new: int, *, cached: bool) -> Decimal | None:
    usage = Usage(
        prompt_tokens=held + new, completion_tokens=ANSWER_TOKENS, cached_tokens=held if cached else 0, estimated=True
    )
    return prices.price(model.provider, model.model, usage)
