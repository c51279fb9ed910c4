"""What is done once a transaction has committed, and never when it has not: telling others of what it stored.

`Database.write` and `KeptWriter.write` carry it out, when the connection and SQLite's write lock are free again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from gateway.deferred import deferred

# Every command that reads the database comes by here, and hardly one has anything to log.
_logging = deferred("gateway.telemetry.logging")

Callback = Callable[[], None]

_KEY = "gateway.after_commit"


def after_commit(connection: Connection, callback: Callback) -> None:
    """Call `callback` when the transaction that `connection` is in has committed: once, however often that very
    object is given.

    It runs in the thread of the transaction. What it raises is logged: what is committed is committed. Raises
    `RuntimeError` outside of a writing transaction.
    """
    callbacks: dict[Callback, None] | None = connection.info.get(_KEY)
    if callbacks is None:
        raise RuntimeError("nothing is committed here: after_commit belongs into a writing transaction")
    callbacks[callback] = None


@contextmanager
def collected(connection: Connection) -> Iterator[Iterable[Callback]]:
    """Take `after_commit` inside the block, which is one transaction; what was given is for `run_callbacks`."""
    # Held here, because a connection that was lost no longer tells.
    info = connection.info
    callbacks: dict[Callback, None] = {}
    info[_KEY] = callbacks
    try:
        yield callbacks
    finally:
        info.pop(_KEY, None)


def run_callbacks(callbacks: Iterable[Callback]) -> None:
    """Call each, in the order in which they were given. Never raises."""
    for callback in callbacks:
        try:
            callback()
        except Exception:
            _logging.get_logger(__name__).exception("after a commit")
