"""The semantic cache: rules, keys, store, index and verifier joined. No call raises to its caller."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from router.cache.administration import Administration
from router.cache.contract import Accept, CacheStats, Embed, Hit, Ticket
from router.cache.disk.persistence import NoFile, Persistence
from router.cache.fingerprint import Fingerprint, fingerprint, question_of
from router.cache.judge import Judge
from router.cache.peers import NoPeers, Peers
from router.cache.rewordings import Candidate, Rewordings, Sifted, found, vector_of
from router.cache.rules import RequestFacts, answer_rule, parse_cache_control, request_rule
from router.cache.shelf import Shelf
from router.cache.store import Entry, entry_size
from router.cache.verifying import VerifierBusy, Verifying, one_blas_thread
from router.types import CachedAnswer, ChatRequest

logger = logging.getLogger(__name__)

DEFAULT_MAX_BYTES = 256 * 2**20


class _Tally(msgspec.Struct):
    hits_exact: int = 0
    hits_semantic: int = 0
    misses: int = 0
    unjudged: int = 0
    bypasses: int = 0
    stored: int = 0
    not_stored: int = 0
    errors: int = 0


class SemanticCache:
    """Answers repeated questions, and rewordings of which a verifier is sure.

    Looking up an exact request, finding candidates, refusing most of them and storing cost microseconds and run where
    they are called. The whole verifier costs milliseconds: ``semantic`` runs it in a thread, and only for candidates
    that it may pass.

    Args:
        ttl_s: seconds that an answer lives, by ``clock``.
        max_entries: answers kept at most; those whose repeats save least per byte go first.
        max_bytes: bytes of answers, questions and vectors kept at most.
        max_temperature: requests above it are passed by.
        semantic: whether rewordings may hit at all.
        clock: monotonic seconds.
        judge: decides whether two requests ask for the same answer; it is used by several threads at once.
        file: keeps answers across restarts, once ``start`` is called.
        peers: the other servers that keep the same answers.
    """

    def __init__(
        self,
        *,
        ttl_s: float = 86_400.0,
        max_entries: int = 50_000,
        max_bytes: int = DEFAULT_MAX_BYTES,
        max_temperature: float = 1.0,
        semantic: bool = True,
        clock: Callable[[], float] = time.monotonic,
        judge: Judge | None = None,
        file: Persistence | None = None,
        peers: Peers | None = None,
    ) -> None:
        self._max_temperature = max_temperature
        self._semantic = semantic
        self._clock = clock
        self.judge = judge or Judge()
        self._verifying = Verifying()
        self._sifts_here = one_blas_thread()
        self._tally = _Tally()
        self.shelf = Shelf(
            ttl_s=ttl_s,
            max_entries=max_entries,
            max_bytes=max_bytes,
            semantic=semantic,
            clock=clock,
            file=file or NoFile(),
            peers=peers or NoPeers(),
        )
        self._entries, self._index, self._lock = self.shelf.entries, self.shelf.index, self.shelf.lock
        self._rewordings = Rewordings(self.shelf, self.judge, lambda error: self._failed("semantic lookup", error))
        self.administration = Administration(self.shelf)

    def limit(self, *, ttl_s: float, max_temperature: float) -> None:
        """Keep answers for so long, and pass requests by above this temperature, from now on."""
        self.shelf.ttl_s = ttl_s
        self._max_temperature = max_temperature

    def start(self) -> None:
        """Begin to take up what the file holds, and to write down what changes, in the background."""
        self.shelf.start()

    def close(self) -> None:
        """Write down what is not yet. Blocks until then."""
        self.shelf.close()

    def ticket(
        self,
        *,
        tenant: str,
        policy: str,
        request: ChatRequest,
        body: Mapping[str, Any],
        cache_control: str | None = None,
        encoder: str = "",
    ) -> Ticket:
        """Make the keys of a request and say what the cache may do with it.

        Args:
            tenant: whose request it is; tenants share nothing.
            policy: names whatever outside the body decides which model answers: equal strings mean the same rule.
            request: the typed view of ``body``.
            body: the decoded raw body.
            cache_control: the request's ``cache-control`` header.
            encoder: names what makes this request's vector.
        """
        control = parse_cache_control(cache_control)
        aside = Ticket(None, may_read=False, may_write=False, only_if_cached=control.only_if_cached)
        try:
            rule = request_rule(RequestFacts(request, body, control, self._max_temperature))
            if rule is not None and rule.forbids_store:
                return msgspec.structs.replace(aside, bypass=rule.name)
            keys = fingerprint(tenant=tenant, policy=policy, request=request, body=body)
            question = question_of(request) if self._semantic and keys.turns is not None else None
        except Exception as error:  # noqa: BLE001 - no failure of the cache may reach a request
            self._failed("ticket", error)
            return msgspec.structs.replace(aside, bypass="error")
        return Ticket(
            keys,
            may_read=rule is None,
            may_write=True,
            bypass=rule.name if rule is not None else None,
            max_age_s=control.max_age_s,
            only_if_cached=control.only_if_cached,
            question=question,
            tenant=tenant,
            encoder=encoder,
        )

    def lookup(self, ticket: Ticket, embed: Embed, accept: Accept | None = None) -> Hit | None:
        """The exact step, then the semantic one, all in the calling thread: for tools and tests."""
        hit = self.exact(ticket)
        if hit is not None or not ticket.may_read:
            return hit
        return self._counted(self._judged(ticket, self._candidates(ticket, embed, accept), accept))

    def exact(self, ticket: Ticket) -> Hit | None:
        """The answer kept for this very request, or None. Counts hits and bypasses; ``semantic`` counts misses."""
        if not ticket.may_read or ticket.keys is None:
            self._tally.bypasses += 1
            return None
        try:
            with self._lock:
                hit = found(self.shelf, ticket, ticket.keys.exact, "exact", 1.0)
                if hit is not None:
                    self.shelf.used(ticket.keys.exact)
        except Exception as error:  # noqa: BLE001 - no failure of the cache may reach a request
            self._failed("exact lookup", error)
            return None
        if hit is not None:
            self._tally.hits_exact += 1
        return hit

    async def semantic(self, ticket: Ticket, embed: Embed, accept: Accept | None = None) -> Hit | None:
        """The answer kept for a rewording of this request, or None. Call it after ``exact`` gave nothing.

        It waits for a thread where candidates are left that only the whole verifier can tell from traps, and runs
        through at once where there are none or too many others wait: a model answers sooner then.

        Args:
            ticket: of this request.
            embed: gives the question's unit vector; not called where nothing could be found.
            accept: may refuse a candidate, for instance one that came from a model too weak for this question.
        """
        if not ticket.may_read:
            return None
        hit = None
        try:
            hit = await self._reworded(ticket, embed, accept)
        except VerifierBusy:
            self._tally.unjudged += 1
        except Exception as error:  # noqa: BLE001 - no failure of the cache may reach a request
            self._failed("semantic lookup", error)
        return self._counted(hit)

    def store(self, ticket: Ticket, answer: CachedAnswer, embed: Embed) -> bool:
        """Keep an answer, if the rules allow it. True when it was kept."""
        kept = False
        if ticket.may_write and ticket.keys is not None:
            try:
                kept = answer_rule(answer) is None and self._keep(ticket, ticket.keys, answer, embed)
            except Exception as error:  # noqa: BLE001 - no failure of the cache may reach a request
                self._failed("store", error)
        if kept:
            self._tally.stored += 1
        else:
            self._tally.not_stored += 1
        return kept

    def stats(self) -> CacheStats:
        """Counts since the start, and what is held now."""
        tally = self._tally
        hits = tally.hits_exact + tally.hits_semantic
        lookups = hits + tally.misses
        return CacheStats(
            entries=len(self._entries),
            bytes=self._entries.size,
            partitions=self._index.partitions,
            evictions=self._entries.counts.evictions,
            expired=self._entries.counts.expired,
            departed={str(reason): count for reason, count in self._entries.counts.departed.items()},
            saved_usd=float(round(self._entries.counts.saved_usd, 9)),
            file=self.shelf.file.status(),
            hit_rate=hits / lookups if lookups else 0.0,
            hits_exact=tally.hits_exact,
            hits_semantic=tally.hits_semantic,
            misses=tally.misses,
            unjudged=tally.unjudged,
            bypasses=tally.bypasses,
            stored=tally.stored,
            not_stored=tally.not_stored,
            errors=tally.errors,
        )

    def clear(self) -> int:
        """Let go of every answer.

        Returns:
            how many there were.
        """
        return self.shelf.clear()

    def evict(self, exact: bytes) -> bool:
        """Let go of the answer under a key, which was reported to be wrong.

        Returns:
            False where there is none.
        """
        return self.shelf.evict(exact)

    async def _reworded(self, ticket: Ticket, embed: Embed, accept: Accept | None) -> Hit | None:
        candidates = self._candidates(ticket, embed, accept)
        judge = self._judged
        time_left = self._verifying.loop_time
        if (
            candidates
            and self._sifts_here
            and time_left.is_left
            and self._rewordings.is_soon_sifted(ticket, candidates)
        ):
            with time_left.spent():
                sifted = self._sifted(ticket, candidates)
                hit = self._verified(ticket, sifted.certain, accept)
            if hit is not None:
                return hit
            candidates, judge = sifted.unsure, self._verified
        if not candidates:
            return None
        return await self._verifying.run(lambda: judge(ticket, candidates, accept), patient=ticket.only_if_cached)

    def _candidates(self, ticket: Ticket, embed: Embed, accept: Accept | None) -> list[Candidate]:
        try:
            return self._rewordings.candidates(ticket, embed, accept)
        except Exception as error:  # noqa: BLE001 - no failure of the cache may reach a request
            self._failed("semantic lookup", error)
            return []

    def _judged(self, ticket: Ticket, candidates: list[Candidate], accept: Accept | None) -> Hit | None:
        certain, unsure = self._sifted(ticket, candidates)
        return self._verified(ticket, [*certain, *unsure], accept)

    def _sifted(self, ticket: Ticket, candidates: list[Candidate]) -> Sifted:
        try:
            return self._rewordings.sifted(ticket, candidates)
        except Exception as error:  # noqa: BLE001 - no failure of the cache may reach a request
            self._failed("semantic lookup", error)
            return Sifted([], [])

    def _verified(self, ticket: Ticket, candidates: list[Candidate], accept: Accept | None) -> Hit | None:
        try:
            return self._rewordings.verified(ticket, candidates, accept)
        except Exception as error:  # noqa: BLE001 - no failure of the cache may reach a request
            self._failed("semantic lookup", error)
            return None

    def _counted(self, hit: Hit | None) -> Hit | None:
        if hit is not None:
            self._tally.hits_semantic += 1
        else:
            self._tally.misses += 1
        return hit

    def _keep(self, ticket: Ticket, keys: Fingerprint, answer: CachedAnswer, embed: Embed) -> bool:
        vector = vector_of(ticket, embed)
        turns = keys.turns if vector is not None else None
        now = self._clock()
        # A body that is a slice of a larger buffer would keep all of it alive.
        answer = msgspec.structs.replace(answer, body=answer.body.copy())
        entry = Entry(
            exact=keys.exact,
            partition=keys.partition,
            turns=turns,
            prepared=self._rewordings.prepared(ticket) if turns is not None else None,
            answer=answer,
            stored_at=now,
            expires_at=now + self.shelf.ttl_s,
            size=entry_size(turns=turns, answer=answer, vector_bytes=vector.nbytes if vector is not None else 0),
            tenant=ticket.tenant,
            encoder=ticket.encoder,
        )
        return self.shelf.keep(entry, vector)

    def _failed(self, step: str, error: Exception) -> None:
        # The kind of error and no more: its message may quote a prompt.
        self._tally.errors += 1
        logger.warning("cache: %s failed with %s; the request goes on without it", step, type(error).__name__)
