"""Answers that are kept and given again (RFC 9111), each for one credential only.

    client = ApiClient("https://api.example.com", auth=Bearer(token), cache=HttpCache())

Can be used without a client: `visit` a call, send `visit.call` unless there is `visit.fresh()`, then `renew` or `keep`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.clients.auth.base import Auth
from gateway.clients.caching import weighing
from gateway.clients.caching.keys import identity_of, place_of, variant_of, written_urls
from gateway.clients.caching.store import CacheStore, Kept, MemoryStore
from gateway.clients.values import Answer, CacheUse, Call, Headers
from gateway.clock import MICROSECONDS, Clock, SystemClock


class HttpCache:
    """Keeps answers in `store` (the memory of this process), for as long as systems allow. Safe from any thread.

    `ttl_seconds` stands in for the lifetime that a system names, 0 for asking each time; `ttl_by_path` does for single
    paths, written as in logs (`/rates/{base}`). `no-store` is heeded all the same. `secret` is the key of the digests:
    one that stays, where `store` outlives the process or is shared.
    """

    def __init__(
        self,
        store: CacheStore | None = None,
        *,
        ttl_seconds: float | None = None,
        ttl_by_path: Mapping[str, float] | None = None,
        secret: bytes | None = None,
        clock: Clock | None = None,
    ) -> None:
        if secret is not None and not 16 <= len(secret) <= 64:
            raise ValueError("the secret of a cache has 16 to 64 bytes")
        self._store = store or MemoryStore()
        self._ttl_seconds = ttl_seconds
        self._ttl_by_path = dict(ttl_by_path or {})
        self._secret = secret or secrets.token_bytes(32)
        self._clock = clock or SystemClock()

    def __repr__(self) -> str:
        return "HttpCache(…)"

    def visit(self, call: Call, auth: Auth, realm: str = "") -> Visit | None:
        """What there is for `call`, as it is before credentials; None where a cache has no say.

        `realm` tells apart what `auth` does not know of, such as certificates. Raises `IntegrationError` when the
        credentials cannot be had.
        """
        if not weighing.is_for_caches(call):
            return None
        place = place_of(self._secret, realm + identity_of(auth, call), call.url)
        variant = variant_of(self._secret, call)
        kept, turn = self._store.get(place, variant)
        ttl = self._ttl_by_path.get(call.template, self._ttl_seconds)
        return Visit(self._store, self._clock, call, place, variant, kept, turn, ttl)

    def wrote(self, call: Call, auth: Auth, answer: Answer | None, realm: str = "") -> None:
        """`call` may have changed something: what it may be about is forgotten (4.4). `answer` is None if none came."""
        identity = realm + identity_of(auth, call)
        for url in written_urls(call, answer):
            self._store.forget(place_of(self._secret, identity, url))


@dataclass(slots=True)
class Visit:
    """One call's use of a cache, in one thread."""

    _store: CacheStore
    _clock: Clock
    _asked: Call
    _place: str
    _variant: str
    _kept: Kept | None
    _turn: int
    _ttl: float | None

    @property
    def call(self) -> Call:
        """What is to be sent: with the validators of what is kept."""
        return self._asked if self._kept is None else weighing.asking_for_news(self._asked, self._kept)

    def fresh(self) -> Answer | None:
        """What answers the call without the system being asked."""
        kept, now = self._kept, self._now()
        if kept is None or not weighing.is_fresh(self._asked, kept, now=now, ttl=self._ttl):
            return None
        return self._answer(kept, now, "fresh")

    def renew(self, answer: Answer, seconds: float) -> Answer | None:
        """What `answer`, a 304 that took `seconds`, stands for; None when it is none of an answer that is kept, and the
        call has to be sent without validators."""
        now = self._now()
        kept = self._kept
        if kept is not None:
            self._kept = weighing.renewed(self._asked, kept, answer, now=now, seconds=seconds)
        if self._kept is None:
            return None
        self._store.put(self._place, self._variant, self._kept, self._turn)
        return self._answer(self._kept, now, "revalidated")

    def keep(self, answer: Answer, seconds: float) -> None:
        """Keep `answer`, a success that took `seconds`, if it may be; what was kept before it is over in any case."""
        kept = weighing.to_keep(self._asked, answer, now=self._now(), seconds=seconds)
        if kept is not None:
            self._store.put(self._place, self._variant, kept, self._turn)
        elif self._kept is not None:
            self._store.forget(self._place)

    def stale(self, max_stale_seconds: float | None) -> Answer | None:
        """What is kept, for when the system cannot be asked: at most `max_stale_seconds` after its lifetime.

        None for as long as the system itself allows by `stale-if-error`.
        """
        kept, now = self._kept, self._now()
        if kept is None or not weighing.may_be_stale(self._asked, kept, now=now, ttl=self._ttl):
            return None
        bound = weighing.stale_if_error_seconds(kept) if max_stale_seconds is None else max_stale_seconds
        if weighing.age_seconds(kept, now) - weighing.lifetime_seconds(kept, self._ttl) > bound:
            return None
        return self._answer(kept, now, "stale")

    def _answer(self, kept: Kept, now: float, use: CacheUse) -> Answer:
        age = str(int(weighing.age_seconds(kept, now)))
        return Answer(200, Headers((*kept.headers, ("age", age))), kept.body, url=self._asked.url, tries=0, cached=use)

    def _now(self) -> float:
        return self._clock.now_us() / MICROSECONDS
