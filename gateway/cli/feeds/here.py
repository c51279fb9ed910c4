"""The feed of this installation, from its database."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from functools import partial

from gateway.cli.feeds.feed import STEP_SECONDS, Lost, News, Ready, Unreadable, Wanted
from gateway.cli.invocation import Invocation
from gateway.delivery.forwarded import forwarded_event
from gateway.errors import DecryptionFailed, NotFound, StorageUnavailable
from gateway.events.follow import Follower
from gateway.events.search import EventFilter, EventSummary, events_after
from gateway.webhooks.known_names import require_filterable


class FeedHere:
    """Follows the journal. Making it raises `NotFound` for names that are probably mistakes."""

    def __init__(self, invocation: Invocation, wanted: Wanted) -> None:
        self._invocation = invocation
        self._wanted = wanted
        self._filter = EventFilter(source=wanted.source, type=wanted.type)
        self._follower = Follower(invocation.installation.clock)
        with invocation.reading() as acting:
            for source, type_ in wanted.pairs():
                require_filterable(acting, source, type_)
            self._follower.pass_over(partial(events_after, acting.session, self._filter))

    def news(self, ending: threading.Event) -> Iterator[News]:
        """As the port has it."""
        yield Ready()
        is_lost = False
        waiting: deque[EventSummary] = deque()
        while not ending.is_set():
            try:
                if not waiting:
                    waiting.extend(self._next())
                found = self._contents(waiting[0].id) if waiting else None
            except StorageUnavailable as error:
                if not is_lost:
                    yield Lost(str(error))
                is_lost = True
                ending.wait(STEP_SECONDS)
                continue
            if is_lost:
                is_lost = False
                yield Ready()
            if found is None:
                ending.wait(STEP_SECONDS)
                continue
            yield found
            waiting.popleft()

    def close(self) -> None:
        """Nothing is waited for that would have to be ended."""

    def _next(self) -> list[EventSummary]:
        with self._invocation.reading() as acting:
            rows = self._follower.next_rows(partial(events_after, acting.session, self._filter))
        return [row for row in rows if self._wanted.lets_pass(row.source, row.type)]

    def _contents(self, event_id: str) -> News:
        try:
            with self._invocation.reading() as acting:
                return forwarded_event(acting, event_id, with_secrets=True)
        except (NotFound, DecryptionFailed) as error:
            return Unreadable(event_id, str(error))
