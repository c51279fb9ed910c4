"""Reading a resource page by page: waiting where the system says so, trying again, noticing when it leads nowhere."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any, TypeVar

from gateway.clients.errors import IntegrationError, RateLimited
from gateway.entities.external import Cursor, ExternalResource, Position, RemotePage
from gateway.entities.pulling.context import PullFailed, Pulling

Answer = TypeVar("Answer")

PAGE_TRIES = 3
PAUSE_SECONDS = 1.0
MOST_REPEATS = 1
"""Pages that have just the ids of another one: lists may shift, and none shifts like this twice."""


@dataclass(slots=True, kw_only=True)
class Reading:
    """How far the reading of a resource is. JSON but for its class.

    `since` is the cursor that it began from, None for everything. `at` is where the next page is, None at the
    beginning; `number` that of the next page. `cursor` is the last one that the system gave meanwhile. `is_fallback`:
    the cursor was not known any more, so that everything is read.
    """

    resource: str
    since: Cursor | None = None
    at: Position | None = None
    number: int = 1
    cursor: Cursor | None = None
    is_fallback: bool = False

    @property
    def is_full(self) -> bool:
        """Whether everything is read."""
        return self.since is None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def pages_of(pulling: Pulling, resource: ExternalResource, reading: Reading) -> Iterator[RemotePage]:
    """The pages from where the reading is, to the last one. `reading` is moved on by whoever commits a page.

    Raises `PullFailed`, `IntegrationError`, `JobInterrupted`.
    """
    tries = 0
    iterator = resource.pages(reading.since, reading.at)
    while True:
        pulling.run.checkpoint()
        try:
            page = next(iterator)
        except StopIteration:
            raise PullFailed("pages_ended", f"{resource.name}: its pages ended before the last one") from None
        except IntegrationError as error:
            tries += 1
            _wait(pulling, error, tries)
            iterator = resource.pages(reading.since, reading.at)
            continue
        tries = 0
        _require_further(pulling, resource, reading, page)
        yield page
        if page.next is None:
            return


def asked(pulling: Pulling, call: Callable[[], Answer]) -> Answer:
    """What a call to the system answers, tried again and waited for as pages are. Raises `IntegrationError`."""
    tries = 0
    while True:
        pulling.run.checkpoint()
        try:
            return call()
        except IntegrationError as error:
            tries += 1
            _wait(pulling, error, tries)


def _wait(pulling: Pulling, error: IntegrationError, tries: int) -> None:
    """Wait before the page is asked for again; raises `error` where that has no sense, or no time is left."""
    if not error.retryable:
        raise error
    asked = error.retry_after_seconds
    if asked is None:
        asked = PAUSE_SECONDS * 2 ** (tries - 1) * (0.8 + 0.4 * random.random())  # noqa: S311 (spread, no secret)
    # Who says when to come again is waited for as often as there is time; all others are asked three times.
    is_paced = isinstance(error, RateLimited) and error.retry_after_seconds is not None
    if (tries >= PAGE_TRIES and not is_paced) or asked > pulling.seconds_left():
        raise error
    pulling.course.tally.waited_seconds += asked
    pulling.run.sleep(asked)


def _require_further(pulling: Pulling, resource: ExternalResource, reading: Reading, page: RemotePage) -> None:
    if page.next is None:
        return
    if reading.at is not None and dict(page.next) == dict(reading.at):
        message = f"{resource.name}: page {reading.number} says that the next page is itself"
        raise PullFailed("paging_loop", message)
    if reading.number >= pulling.options.most_pages:
        message = f"{resource.name}: more than {pulling.options.most_pages} pages: has it no end?"
        raise PullFailed("too_many_pages", message)


class Repeats:
    """Notices pages whose ids have all been on another page together: a list that goes in circles."""

    def __init__(self) -> None:
        self._pages: set[bytes] = set()
        self._repeated = 0

    def add(self, seen: bytes) -> None:
        """A page with these ids came."""
        mark = blake2b(seen, digest_size=8).digest()
        if seen and mark in self._pages:
            self._repeated += 1
        self._pages.add(mark)

    def require_few(self, resource: ExternalResource) -> None:
        """Raises `PullFailed`."""
        if self._repeated > MOST_REPEATS:
            raise PullFailed("paging_loop", f"{resource.name}: the same records come again and again, page after page")
