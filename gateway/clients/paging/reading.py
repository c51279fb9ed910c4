"""Reading a list to its end: page by page, or several pages at once where the system's paging allows it.

Bounded in pages, so that a system that never ends is noticed; a page that was read before is a loop. Whoever stops
taking stops the reading: at most as many pages are held as are fetched at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from gateway.clients.errors import ProtocolFault
from gateway.clients.paging.styles import NumberedStyle, Page, PageRequest, PageStyle
from gateway.clients.values import Answer

MAX_PAGES: Final = 100_000

Fetch = Callable[[PageRequest], Answer]
"""One page's answer. Raises `IntegrationError`."""
Records = Callable[[Answer], Sequence[Any]]
"""A page's records. Raises `ResponseInvalid`."""


def pages(
    style: PageStyle, fetch: Fetch, records: Records, *, start: PageRequest | None = None, max_pages: int = MAX_PAGES
) -> Iterator[Page]:
    """Page by page, from `start` on (a page's `following`, kept from before), else from the first.

    Raises `ProtocolFault` for a loop, and for more than `max_pages`.
    """
    seen: set[int] = set()
    request: PageRequest | None = start or style.first()
    while request is not None:
        # Of each only a hash: a million pages are 60 MB less.
        if hash(request) in seen:
            raise ProtocolFault("the system leads to a page that was read already")
        if len(seen) >= max_pages:
            raise ProtocolFault(f"the list does not end within {max_pages} pages")
        seen.add(hash(request))
        answer = fetch(request)
        found = records(answer)
        page = Page(request, answer, found, style.following(request, answer, found))
        request = page.following
        yield page


def pages_at_once(
    style: NumberedStyle, fetch: Fetch, records: Records, *, parallel: int, start: int = 0, max_pages: int = MAX_PAGES
) -> Iterator[Page]:
    """As `pages`, in the same order, with up to `parallel` requests under way. `start` is the first page's index.

    Up to `parallel` - 1 pages beyond the last are asked for.
    """
    index = start
    under_way: deque[tuple[int, Future[tuple[Answer, Sequence[Any]]]]] = deque()

    def get(request: PageRequest) -> tuple[Answer, Sequence[Any]]:
        answer = fetch(request)
        return answer, records(answer)

    with ThreadPoolExecutor(parallel, thread_name_prefix="pages") as threads:
        try:
            while True:
                while len(under_way) < parallel and index < start + max_pages:
                    under_way.append((index, threads.submit(get, style.at(index))))
                    index += 1
                if not under_way:
                    raise ProtocolFault(f"the list does not end within {max_pages} pages")
                at, future = under_way.popleft()
                answer, found = future.result()
                is_last = style.is_last(at, answer, found)
                yield Page(style.at(at), answer, found, None if is_last else style.at(at + 1))
                if is_last:
                    return
        finally:
            for _, future in under_way:
                future.cancel()
