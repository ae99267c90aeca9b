"""The semantic cache in front of both models: exact repeats, and rewordings that a verifier is sure of."""

from router.cache.administration import Administration
from router.cache.cache import SemanticCache
from router.cache.clock import elapsed_s
from router.cache.contract import Accept, Cache, CacheStats, Embed, Hit, NullCache, Ticket, standing_aside
from router.cache.disk.file import CacheFile
from router.cache.disk.persistence import FileStatus, NoFile
from router.cache.flights import Elsewhere, Flight, Flights
from router.cache.fold import AnswerFacts, StreamFold, read_answer
from router.cache.inventory import EntryDetail, EntryList, Order, Selection
from router.cache.judge import Answered, Judge
from router.cache.native import with_native
from router.cache.replay import replay
from router.cache.would_hit import would_hit

__all__ = [
    "Accept",
    "Administration",
    "AnswerFacts",
    "Answered",
    "Cache",
    "CacheFile",
    "CacheStats",
    "Elsewhere",
    "Embed",
    "EntryDetail",
    "EntryList",
    "FileStatus",
    "Flight",
    "Flights",
    "Hit",
    "Judge",
    "NoFile",
    "NullCache",
    "Order",
    "Selection",
    "SemanticCache",
    "StreamFold",
    "Ticket",
    "elapsed_s",
    "read_answer",
    "replay",
    "standing_aside",
    "with_native",
    "would_hit",
]
