"""What GitHub's answers mean, and how often it wants to be written to.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from gateway.clients.errors import AuthorizationFailed, IntegrationError, RateLimited, RemoteConflict, RequestRefused
from gateway.clients.judging import by_status, excerpt, failure
from gateway.clients.values import Answer
from gateway.clock import Clock

BASE_URL: Final = "https://api.github.com"
HEADERS: Final = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}

SECONDARY_WAIT_SECONDS: Final = 60.0
LONGEST_SECONDARY_WAIT_SECONDS: Final = 960.0
SECONDS_BETWEEN_WRITES: Final = 1.0

_SECONDARY = re.compile(r"secondary rate limit|abuse detection|secondary-rate-limits|abuse-rate-limits", re.IGNORECASE)


class SecondaryLimit:
    """How long to wait at a secondary limit that names no time: a minute, and twice as long each time that this was
    too short. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0
        self._wait = 0.0

    def wait_seconds(self, now: float) -> float:
        """GitHub refused at `now` (seconds since the epoch)."""
        with self._lock:
            if now >= self._until + self._wait:
                self._wait = SECONDARY_WAIT_SECONDS
            elif now >= self._until:
                self._wait = min(2 * self._wait, LONGEST_SECONDARY_WAIT_SECONDS)
            # Else it was on its way when the others were refused.
            self._until = now + self._wait
            return self._wait


class GitHubJudge:
    """The `Judge` of GitHub's answers. Safe from any thread."""

    def __init__(self, secondary: SecondaryLimit | None = None) -> None:
        self._secondary = secondary or SecondaryLimit()

    def __call__(self, answer: Answer, now: float) -> IntegrationError | None:
        error = by_status(answer, now)
        if error is None:
            return None
        if answer.status in {403, 429} and error.retry_after_seconds is None and self.is_secondary(error, answer):
            wait = self._secondary.wait_seconds(now)
            return failure(
                RateLimited, f"too many calls at once (status {answer.status})", answer, retry_after_seconds=wait
            )
        if answer.status == 422:
            return _validation(answer, error)
        return error

    def is_secondary(self, error: IntegrationError, answer: Answer) -> bool:
        """Whether a refusal is a secondary limit, which 403 shows in words only."""
        said = _text(answer)
        return isinstance(error, RateLimited) or (
            isinstance(error, AuthorizationFailed) and _SECONDARY.search(said) is not None
        )

    def graphql_waits(self, answer: Answer, now: float) -> float | None:
        """How long a limit that GraphQL tells inside 200 lasts, in place of headers."""
        told = by_status(Answer(429, answer.headers, b""), now)
        wait = told.retry_after_seconds if told is not None else None
        return wait if wait is not None else self._secondary.wait_seconds(now)


def _validation(answer: Answer, error: IntegrationError) -> IntegrationError:
    """422 with the fields that are wrong. What is there already is a conflict."""
    faults = _faults(answer)
    if not faults:
        return error
    is_there = any(fault.get("code") == "already_exists" or "already exists" in _said(fault) for fault in faults)
    kind = RemoteConflict if is_there else RequestRefused
    told = failure(kind, "", answer, vendor_code=str(faults[0].get("code") or "") or None)
    text = excerpt("; ".join(_said(fault) for fault in faults))
    told.args = (f"the system refuses what was sent (status 422): {text}",)
    return told


def _faults(answer: Answer) -> list[Mapping[str, Any]]:
    try:
        found = answer.document.get("errors")
    except (ValueError, AttributeError):
        return []
    faults = found if isinstance(found, list) else []
    return [fault if isinstance(fault, dict) else {"message": str(fault)} for fault in faults]


def _said(fault: Mapping[str, Any]) -> str:
    message = fault.get("message")
    if isinstance(message, str) and message:
        return message
    where = ".".join(str(fault[name]) for name in ("resource", "field") if fault.get(name))
    return f"{where} {fault.get('code', 'is not valid')}".strip()


def _text(answer: Answer) -> str:
    return answer.body[:4096].decode("utf-8", "replace")


class WritePace:
    """Lets writes through one after the other, a second from the end of one to the begin of the next."""

    def __init__(self, clock: Clock, sleep: Callable[[float], None], *, longest_wait_seconds: float) -> None:
        self._clock = clock
        self._sleep = sleep
        self._longest_wait_seconds = longest_wait_seconds
        self._lock = threading.Lock()
        self._next_at = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One write. Raises `RateLimited` when the others do not end in time."""
        if not self._lock.acquire(timeout=self._longest_wait_seconds):
            raise RateLimited(
                "not sent: GitHub is written to one after the other, and the others take longer than this may wait",
                retry_after_seconds=self._longest_wait_seconds,
            )
        try:
            wait = self._next_at - self._clock.monotonic()
            if wait > 0:
                self._sleep(wait)
            yield
        finally:
            self._next_at = self._clock.monotonic() + SECONDS_BETWEEN_WRITES
            self._lock.release()
