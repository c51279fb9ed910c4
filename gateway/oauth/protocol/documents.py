"""JSON documents that providers publish for everybody, metadata and keys, kept for a while in this process.

No document is asked for twice at once: whoever comes while it is fetched gets what that gives.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

from gateway.clock import Clock
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderUnavailable
from gateway.oauth.protocol.http import Http, HttpRequest

KEPT_SECONDS = 3600.0
AWAY_SECONDS = 60.0
MAX_BYTES = 128 * 1024
MAX_PARTS = 4_000
"""What stands between brackets and commas: small values take many times the memory that they have as text."""
LIMIT = 256
"""How many documents a process keeps; the one that was not asked for the longest goes first."""

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Kept:
    document: Document
    fetched_at: float


class Documents:
    """Safe from any thread. Times are those of the steady clock."""

    def __init__(self, http: Http, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._under_way: dict[str, Future[_Kept]] = {}

    def get(self, url: str, *, max_age_seconds: float = KEPT_SECONDS) -> Document:
        """The JSON object at `url`, fetched unless one is kept that is no older.

        While the provider is away an older one serves, and a minute passes until the next try. Raises
        `ProviderUnavailable`, `ProviderAnswerInvalid`.
        """
        now = self._clock.monotonic()
        with self._lock:
            kept = self._kept.get(url)
            if kept is not None and now - kept.fetched_at <= max_age_seconds:
                self._kept.move_to_end(url)
                return kept.document
            waiting = self._under_way.get(url)
            mine: Future[_Kept] = Future()
            if waiting is None:
                self._under_way[url] = mine
        try:
            return (waiting.result() if waiting is not None else self._fetch(url, mine)).document
        except ProviderUnavailable:
            if kept is None:
                raise
            with self._lock:
                self._kept[url] = replace(kept, fetched_at=max(kept.fetched_at, now - KEPT_SECONDS + AWAY_SECONDS))
            return kept.document

    def _fetch(self, url: str, result: Future[_Kept]) -> _Kept:
        try:
            fetched = _Kept(fetch(self._http, url), self._clock.monotonic())
        except BaseException as error:
            with self._lock:
                del self._under_way[url]
            result.set_exception(error)
            raise
        with self._lock:
            del self._under_way[url]
            self._kept[url] = fetched
            self._kept.move_to_end(url)
            while len(self._kept) > LIMIT:
                self._kept.popitem(last=False)
        result.set_result(fetched)
        return fetched


def fetch(http: Http, url: str) -> Document:
    """GET the JSON object at `url`. Raises `ProviderUnavailable`, `ProviderAnswerInvalid`."""
    answer = http.send(HttpRequest("GET", url, (("Accept", "application/json"),), None))
    if answer.status == 429 or answer.status >= 500:
        raise ProviderUnavailable(f"{url} answered with status {answer.status}")
    if answer.status != 200:
        raise ProviderAnswerInvalid(f"{url} answered with status {answer.status}, and not with a document")
    if len(answer.body) > MAX_BYTES:
        raise ProviderAnswerInvalid(f"what is at {url} is larger than {MAX_BYTES} bytes")
    if sum(map(answer.body.count, (b"[", b"{", b","))) > MAX_PARTS:
        raise ProviderAnswerInvalid(f"what is at {url} has more than {MAX_PARTS} parts")
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise ProviderAnswerInvalid(f"what is at {url} is not JSON") from error
    if not isinstance(document, dict):
        raise ProviderAnswerInvalid(f"what is at {url} is no JSON object")
    return document


_LOCK = threading.Lock()
_BY_PORT: WeakKeyDictionary[Http, Documents] = WeakKeyDictionary()


def documents_of(http: Http, clock: Clock) -> Documents:
    """Those that were fetched by `http`: as many as there are installations in this process."""
    with _LOCK:
        found = _BY_PORT.get(http)
        if found is None:
            found = _BY_PORT[http] = Documents(http, clock)
        return found
