"""What is kept of refused requests is bounded: in the queue, per source, and on the disk; what goes is counted."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select, text

from gateway.clock import FakeClock
from gateway.db.database import Database
from gateway.providers import shared_secrets
from gateway.security.sealing import Keyring
from gateway.tenants.models import DEFAULT_TENANT_ID
from gateway.webhooks.arrival import Arrival
from gateway.webhooks.rejections.log import WRITTEN_AT_ONCE_BYTES, RejectionLog
from gateway.webhooks.rejections.models import Rejection
from gateway.webhooks.rejections.row import KEPT_BODY_BYTES, KEPT_HEADER_BYTES, Refused, noted, row_of
from gateway.webhooks.secrets_at_rest import RefusedSealer

BODY_BYTES = 64 * 1024
SEALER = RefusedSealer(Keyring([secrets.token_bytes(32)]), shared_secrets())


class Kept:
    """A log with bounds of the test's own, what it dropped, and what it keeps."""

    def __init__(self, database: Database, **bounds: int) -> None:
        self._database = database
        self.dropped: Counter[str] = Counter()
        self.clock = FakeClock()
        self.log = RejectionLog(database, SEALER, self.clock, dropped=self._count, body_bytes=BODY_BYTES, **bounds)

    def _count(self, reason: str, count: int) -> None:
        self.dropped[reason] += count

    def note(self, body: bytes = b"", *, source: str = "x", headers: tuple[tuple[str, str], ...] = ()) -> None:
        arrival = Arrival("default", source, "POST", "/", headers, body, "127.0.0.1", "req", 1, 0.0)
        self.log.note(Refused(DEFAULT_TENANT_ID, f"src_{source}", "signature_mismatch", None, arrival))

    def sizes(self) -> list[int]:
        """What the rows take, oldest first, by the database's own measure."""
        size = func.length(Rejection.body) + func.length(Rejection.headers) + func.length(Rejection.url)
        with self._database.system_session() as session:
            return list(session.scalars(select(size).order_by(Rejection.id)))


@pytest.fixture
def logs() -> Iterator[list[Kept]]:
    made: list[Kept] = []
    yield made
    for one in made:
        one.log.close()


def test_what_waits_is_cut_down_before_it_waits(database: Database) -> None:
    kept = Kept(database, queue_bytes=1_000_000)
    with database.write() as connection:  # the writer cannot get in
        if connection.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE rejections"))
        for _ in range(50):
            kept.note(b"b" * 4_000_000, headers=(("X-Big", "h" * 1_400_000),))
    kept.log.close()
    assert len(kept.sizes()) + kept.dropped["queue_full"] == 50
    # As much as waits, and what the writer had taken already.
    assert 1 <= sum(kept.sizes()) <= 2 * 1_000_000


def test_one_that_cannot_be_kept_is_counted_and_harms_nobody(database: Database, logs: list[Kept]) -> None:
    logs.append(kept := Kept(database))
    with database.write() as connection:
        connection.execute(text("ALTER TABLE rejections RENAME TO elsewhere"))
    kept.note()
    assert kept.log.flush()
    assert kept.dropped == {"not_stored": 1}


def test_all_sources_together_have_a_bound_in_bytes(database: Database, logs: list[Kept]) -> None:
    logs.append(kept := Kept(database, kept_bytes=1_000_000))
    for number in range(120):
        kept.note(b"b" * 40_000, source=f"s{number % 40}")
        if number % 20 == 0:
            assert kept.log.flush(20)
    kept.note(b"the last")
    assert kept.log.flush(20)
    # Between two looks at the whole, what one look lets pass may come on top.
    assert 900_000 <= sum(kept.sizes()) <= 1_000_000 + 5 * 1024 * 1024
    for _ in range(3):
        kept.log = RejectionLog(database, SEALER, kept.clock, dropped=kept._count, kept_bytes=1_000_000)
        logs.append(kept)
        kept.note(b"the last")
        kept.log.close()
    sizes = kept.sizes()
    assert 900_000 <= sum(sizes) <= 1_000_000
    assert len(sizes) + kept.dropped["disk_full"] == 124


def test_no_flood_is_written_faster_than_it_is_worth(database: Database, logs: list[Kept]) -> None:
    logs.append(kept := Kept(database, queue_items=10_000, queue_bytes=10**9))
    with database.write():  # nothing is written meanwhile
        for _ in range(1_100):
            kept.note(b"b" * BODY_BYTES)
        at_once = 1_100 - kept.dropped["too_fast"]
        assert at_once == WRITTEN_AT_ONCE_BYTES // (BODY_BYTES + 1025)
        kept.clock.advance(1.1)
        for _ in range(20):
            kept.note(b"b" * BODY_BYTES)
    assert 1_120 - kept.dropped["too_fast"] - at_once == 17


def test_what_an_older_version_wrote_counts_too(database: Database, logs: list[Kept]) -> None:
    logs.append(kept := Kept(database))
    for _ in range(100):
        kept.note()
    assert kept.log.flush(20)
    with database.write() as connection:
        connection.execute(text("UPDATE rejections SET stored_bytes = NULL"))
    logs.append(later := Kept(database, kept_bytes=160_000))
    later.note()
    assert later.log.flush(20)
    assert later.dropped["disk_full"] >= 90


@pytest.mark.parametrize("value", ["h" * 70_000, "\xff" * 60_000, "\x01" * 60_000, '"' * 60_000])
def test_a_row_takes_what_is_promised_whatever_came(value: str) -> None:
    headers = (("Authorization", value[:1000]), *((f"X-{number}", value[:6000]) for number in range(10)))
    arrival = Arrival("default", "x", "POST", "/" + value, headers, b"\x00" * 100_000, "1.2.3.4", "req", 1, 0.0)
    row = row_of(noted("rej_1", Refused(DEFAULT_TENANT_ID, "", "source_unknown", None, arrival)), SEALER)
    body, kept, url = row["body"], row["headers"], row["url"]
    assert isinstance(body, bytes)
    assert isinstance(kept, bytes)
    assert isinstance(url, str)
    taken = len(body) + len(kept) + len(url.encode())
    assert taken <= KEPT_BODY_BYTES + 1.5 * KEPT_HEADER_BYTES + 8192
    assert taken < int(str(row["stored_bytes"])) < taken + 1024
    assert row["body_bytes"] == 100_000
