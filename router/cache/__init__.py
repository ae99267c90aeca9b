"""The semantic cache in front of both models: exact repeats, and rewordings that a verifier is sure of."""

from router.cache.cache import SemanticCache
from router.cache.contract import Accept, Cache, CacheStats, Embed, Hit, NullCache, Ticket
from router.cache.flights import Flight, Flights
from router.cache.fold import AnswerFacts, StreamFold, read_answer
from router.cache.replay import replay
from router.cache.would_hit import would_hit

__all__ = [
    "Accept",
    "AnswerFacts",
    "Cache",
    "CacheStats",
    "Embed",
    "Flight",
    "Flights",
    "Hit",
    "NullCache",
    "SemanticCache",
    "StreamFold",
    "Ticket",
    "read_answer",
    "replay",
    "would_hit",
]
