"""Conditional requests (RFC 9110, 13): an answer that is kept is asked for with its ETag, and 304 gives it again.

For systems whose 304 costs nothing. A store belongs to one client, and so to one set of credentials.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import Final

from gateway.clients.values import Answer, Call, Headers

MAX_ANSWERS: Final = 500
MAX_BYTES: Final = 16 * 1024 * 1024

# What is said of the body that came with it, which 304 has none of (RFC 9111, 3.2).
_OF_THE_BODY: Final = frozenset({"content-encoding", "content-length", "content-type", "transfer-encoding"})


class ConditionalStore:
    """Answers with an ETag by what was asked, the least used one going first. Safe from any thread."""

    def __init__(self, max_answers: int = MAX_ANSWERS, max_bytes: int = MAX_BYTES) -> None:
        self._max_answers = max_answers
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[Call, Answer] = OrderedDict()
        self._bytes = 0

    def kept(self, call: Call) -> Answer | None:
        """The answer that is kept for `call`, as it is before credentials. None for what is no GET, or has a condition
        of its own."""
        if call.method != "GET" or call.header("If-None-Match") is not None:
            return None
        with self._lock:
            found = self._kept.get(call)
            if found is not None:
                self._kept.move_to_end(call)
            return found

    def settle(self, call: Call, kept: Answer | None, answer: Answer) -> Answer:
        """What `answer` stands for: `kept` with its headers, after a 304; else itself, which is kept if it can be."""
        if kept is not None and answer.status == 304:
            return renewed(kept, answer)
        if call.method == "GET" and answer.status == 200 and "etag" in answer.headers:
            self._keep(call, answer)
        return answer

    def _keep(self, call: Call, answer: Answer) -> None:
        # One large answer does not drive out all others.
        if len(answer.body) > self._max_bytes // 4:
            return
        with self._lock:
            before = self._kept.pop(call, None)
            self._bytes += len(answer.body) - (len(before.body) if before is not None else 0)
            # Without what was read from it, which takes more room than it.
            self._kept[call] = replace(answer)
            while len(self._kept) > self._max_answers or self._bytes > self._max_bytes:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= len(gone.body)


def conditioned(call: Call, kept: Answer) -> Call:
    """`call`, for an answer other than `kept`."""
    return call.with_headers(("If-None-Match", kept.headers["etag"]))


def renewed(kept: Answer, fresh: Answer) -> Answer:
    """`kept` with the headers of `fresh`, a 304 (RFC 9111, 4.3.4)."""
    newer = [pair for pair in fresh.headers.pairs if pair[0].lower() not in _OF_THE_BODY]
    names = {name.lower() for name, _ in newer}
    older = [pair for pair in kept.headers.pairs if pair[0].lower() not in names]
    return replace(kept, headers=Headers([*newer, *older]), url=fresh.url)
