"""Which external ids a full pull has seen: a digest of 8 bytes each, by page, so that a run of millions is small here
and in memory, and a process that takes it over knows what was seen before.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import Connection, Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.entities.models import SyncPage, SyncRun
from gateway.entities.states import RunState

PAGES: Table = SyncPage.__table__  # type: ignore[assignment]
RUNS: Table = SyncRun.__table__  # type: ignore[assignment]

_STREAMED = {"yield_per": 500}


def packed(digests: Collection[int]) -> bytes:
    """Digests as they are kept: sorted, so that equal pages are equal bytes."""
    return array("Q", sorted(digests)).tobytes()


def unpacked(seen: bytes) -> array[int]:
    """The digests of a page."""
    digests = array("Q")
    digests.frombytes(seen)
    return digests


def add_page(connection: Connection, tenant_id: str, run_id: str, resource: str, number: int, seen: bytes) -> None:
    """Keep what a page had."""
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    row = {"tenant_id": tenant_id, "run_id": run_id, "resource": resource, "number": number, "seen": seen}
    connection.execute(dialect.insert(PAGES).values(row).on_conflict_do_nothing())


def pages_seen(connection: Connection, run_id: str, resource: str) -> Iterator[bytes]:
    """What each page of a reading had, in no order."""
    statement = select(PAGES.c.seen).where(PAGES.c.run_id == run_id, PAGES.c.resource == resource)
    with connection.execute(statement, execution_options=_STREAMED) as rows:
        yield from rows.scalars()


def earlier_pages(connection: Connection, instance_id: str, run_id: str, resource: str) -> Iterator[bytes]:
    """What each page of the last complete full pull before this run had, where that was kept."""
    earlier = (
        select(PAGES.c.seen)
        .join(RUNS, RUNS.c.id == PAGES.c.run_id)
        .where(RUNS.c.instance_id == instance_id, RUNS.c.state == RunState.SUCCEEDED, RUNS.c.id < run_id)
    )
    with connection.execute(earlier.where(PAGES.c.resource == resource), execution_options=_STREAMED) as rows:
        yield from rows.scalars()


def keep_pages(connection: Connection, instance_id: str, run_id: str, resources: Collection[str]) -> None:
    """Keep of a run that is done what the next full pull is compared with, and nothing of earlier ones."""
    earlier = select(RUNS.c.id).where(
        RUNS.c.instance_id == instance_id, RUNS.c.state == RunState.SUCCEEDED, RUNS.c.id < run_id
    )
    connection.execute(delete(PAGES).where(PAGES.c.run_id.in_(earlier), PAGES.c.resource.in_(resources)))
    connection.execute(delete(PAGES).where(PAGES.c.run_id == run_id, PAGES.c.resource.not_in(resources)))


def forget_pages(connection: Connection, run_id: str, resource: str | None = None) -> None:
    """They are needed no more: the run is over, or reads the resource from its beginning again."""
    statement = delete(PAGES).where(PAGES.c.run_id == run_id)
    connection.execute(statement if resource is None else statement.where(PAGES.c.resource == resource))
