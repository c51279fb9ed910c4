"""Calling a type's code: for so long and no longer, and whatever it raises is an error of this integration alone.

Python's threads cannot be ended: one that hangs is left to itself, and counted. A few of them are borne; then nothing
is asked of that integration any more until they end, and of none when all are taken.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

from gateway.errors import GatewayError
from gateway.installation import Installation
from gateway.telemetry.logging import get_logger

Value = TypeVar("Value")

MOST_HUNG: Final = 2
"""Calls of one integration that hang at once."""
MOST_HUNG_IN_ALL: Final = 32

_log = get_logger(__name__)


class TypeBroken(GatewayError):
    """The code of an integration type raised what no type may raise: a defect of it. The log says which."""

    code = "integration_type_broken"
    http_status = 502


class TypeTooSlow(GatewayError):
    """The code of an integration type did not come back in its time, or earlier calls still hang."""

    code = "integration_too_slow"
    http_status = 504
    retryable = True


class Bounds:
    """The calls of one process that were left to themselves, by integration. Safe from any thread."""

    def __init__(self, _installation: Installation | None = None) -> None:
        self._lock = threading.Lock()
        self._hung: Counter[str] = Counter()

    def call(self, integration_id: str, seconds: float, function: Callable[[], Value]) -> Value:
        """What `function` returns within `seconds`. Raises `GatewayError` as it raises, `TypeBroken`, `TypeTooSlow`."""
        with self._lock:
            if self._hung[integration_id] >= MOST_HUNG or self._hung.total() >= MOST_HUNG_IN_ALL:
                raise TypeTooSlow("earlier calls of this integration have not come back: nothing more is asked of it")
        came: SimpleQueue[tuple[Value | None, BaseException | None]] = SimpleQueue()
        is_left = threading.Event()

        def run() -> None:
            try:
                came.put((function(), None))
            except BaseException as error:  # whatever a package's code raises is told where it is waited for
                came.put((None, error))
            with self._lock:
                if is_left.is_set():
                    self._hung[integration_id] -= 1

        threading.Thread(target=run, name="integration call", daemon=True).start()
        try:
            value, error = came.get(timeout=seconds)
        except Empty:
            with self._lock:
                # One that came at the last instant does not hang: it is not counted, and so not taken off either.
                if came.empty():
                    is_left.set()
                    self._hung[integration_id] += 1
            raise TypeTooSlow(f"no answer within {seconds:g} seconds") from None
        if error is not None:
            raise translated(error, integration_id)
        return value  # type: ignore[return-value]


def translated(error: BaseException, integration_id: str) -> BaseException:
    """An error of ours as it is; anything else is logged, and is the type's defect."""
    if isinstance(error, GatewayError | KeyboardInterrupt):
        return error
    _log.error("an integration type broke", integration_id=integration_id, exc_info=error)
    broken = TypeBroken(f"the integration type broke with {type(error).__name__}; the log says more")
    broken.__cause__ = error
    return broken


def bounds_of(installation: Installation) -> Bounds:
    """Those of this process."""
    return installation.part(Bounds)
