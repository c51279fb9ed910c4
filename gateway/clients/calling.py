"""A call to its answer: what a cache has, else what the system says, redirects followed, else what stands in for it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gateway.clients.addresses import MAX_REDIRECTS, BaseUrl
from gateway.clients.attempts import CallRunner, Progress
from gateway.clients.compression import Compression
from gateway.clients.errors import IntegrationError, ProtocolFault
from gateway.clients.fallback import NOTHING, Stale, substitute
from gateway.clients.judging import Judge
from gateway.clients.transport import Transport
from gateway.clients.values import SAFE_METHODS, Answer, Call
from gateway.clock import MICROSECONDS, Clock

if TYPE_CHECKING:
    # With the library that it stands on, which a client without a cache does not load.
    from gateway.clients.caching.cache import HttpCache, Visit

_TRACE: Final = frozenset({"traceparent", "tracestate"})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Caller:
    """Makes calls of one client. Safe from any thread.

    `has_own_means`: its connections may prove who calls, which a cache cannot see and shares with no other client.
    """

    def __init__(
        self,
        base: BaseUrl,
        runner: CallRunner,
        transport: Transport,
        clock: Clock,
        *,
        cache: HttpCache | None,
        compression: Compression,
        has_own_means: bool,
    ) -> None:
        self._base = base
        self._runner = runner
        self._transport = transport
        self._clock = clock
        self._cache = cache
        self._compression = compression
        self._realm = uuid.uuid4().hex if has_own_means else ""

    def answer(
        self,
        call: Call,
        seconds: float,
        *,
        judge: Judge,
        max_bytes: int,
        compress: bool | None = None,
        fallback: Any = NOTHING,
    ) -> Answer:
        """The answer to `call` within `seconds`, if it is a success. Raises `IntegrationError`, `AddressForbidden`."""
        progress = Progress(time.monotonic(), seconds)
        visit = self._visit(call) if self._cache is not None else None

        def is_success(kept: Answer) -> bool:
            # It was one when it came, perhaps for another client's judge, or a call that takes more.
            return len(kept.body) <= max_bytes and judge(kept, self._clock.now_us() / MICROSECONDS) is None

        if visit is not None and (kept := visit.fresh()) is not None and is_success(kept):
            self._runner.answered(call, progress, kept)
            return replace(kept, seconds=time.monotonic() - progress.began_at)

        small = self._compression.compressed(call, compress) if call.body is not None else None

        def attempt(sent: Call) -> Answer:
            began = time.monotonic()
            answer = found = self._follow(sent, progress, max_bytes)
            if answer.status == 304 and visit is not None:
                # None for one about something that is not kept, such as what a proxy has under another ETag.
                found = visit.renew(answer, time.monotonic() - began) or self._again(call, sent, progress, max_bytes)
            elif answer.status == 415 and small is not None:
                found = self._again(call, sent, progress, max_bytes)
                if found.status != 415:
                    self._compression.refused(call)
            error = judge(found, self._clock.now_us() / MICROSECONDS)
            progress.heard(answer if found.cached else found)
            progress.cached = found.cached
            if error is not None:
                raise error
            if visit is not None and found.cached is None:
                visit.keep(found, time.monotonic() - began)
            return found

        def rescue(error: IntegrationError) -> Answer | None:
            found = _stand_in(visit, fallback, error, is_success)
            progress.cached = found.cached if found is not None else None
            return found

        try:
            first = visit.call if visit is not None else small or call
            answer = self._runner.run(first, progress, attempt, rescue)
        except IntegrationError as error:
            if self._cache is not None and error.call.may_have_happened:
                self._wrote(call, None)
            raise
        if self._cache is not None and call.method not in SAFE_METHODS:
            self._wrote(call, answer)
        return replace(answer, tries=progress.tries, seconds=time.monotonic() - progress.began_at)

    def _visit(self, call: Call) -> Visit | None:
        assert self._cache is not None
        try:
            return self._cache.visit(call, self._runner.auth, self._realm)
        except IntegrationError:
            # Without credentials: the call fails by the same error, with all that is told of it.
            return None

    def _again(self, call: Call, sent: Call, progress: Progress, max_bytes: int) -> Answer:
        """The answer to `call` as the caller gave it, after what `sent` made of it was not understood."""
        progress.tries += 1
        traced = [pair for pair in sent.headers if pair[0].lower() in _TRACE]
        return self._follow(self._runner.auth.apply(call.with_headers(*traced)), progress, max_bytes)

    def _wrote(self, call: Call, answer: Answer | None) -> None:
        assert self._cache is not None
        with suppress(IntegrationError):
            self._cache.wrote(call, self._runner.auth, answer, self._realm)

    def _follow(self, call: Call, progress: Progress, max_bytes: int) -> Answer:
        """The answer to `call`, redirects within its origin followed: with the same method and body, or as a GET."""
        for _ in range(MAX_REDIRECTS + 1):
            progress.sent_bytes += len(call.body or b"")
            answer = self._transport.send(call, ends_at=progress.ends_at, max_bytes=max_bytes)
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or location is None:
                return answer
            url = self._base.same_origin(location, seen_from=call.full_url)
            call = replace(call, url=url, query=())
            if answer.status == 303 or (answer.status in {301, 302} and call.method == "POST"):
                kept = tuple(pair for pair in call.headers if not pair[0].lower().startswith("content-"))
                call = replace(call, method="GET", body=None, headers=kept)
        raise ProtocolFault(f"the system led from one place to the next more than {MAX_REDIRECTS} times")


def _stand_in(
    visit: Visit | None, fallback: Any, error: IntegrationError, is_success: Callable[[Answer], bool]
) -> Answer | None:
    """What is given in place of `error`, which may pass; None for nothing."""
    wants_stale = isinstance(fallback, Stale)
    if visit is not None and (wants_stale or fallback is NOTHING):
        # Asked for nothing, the system's own word allows it (`stale-if-error`).
        kept = visit.stale(fallback.max_stale_seconds if wants_stale else None)
        if kept is not None and is_success(kept):
            return replace(kept, instead_of=error.code)
    return substitute(fallback.otherwise if wants_stale else fallback, error)
