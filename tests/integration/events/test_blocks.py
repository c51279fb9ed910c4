"""Blocks: a search by way of them finds what looking at every event finds, whatever was built when."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase

import pytest
from sqlalchemy import delete, func, select

from gateway.clock import MICROSECONDS, FakeClock
from gateway.config import Settings
from gateway.db.paging import PageRequest
from gateway.delivery.event_status import EventStatus, unrouted
from gateway.delivery.journal import find_in_journal
from gateway.delivery.looked_for import LookedFor
from gateway.delivery.models import DeliveryState
from gateway.errors import InvalidInput
from gateway.events.blocks import build, finding, stretches
from gateway.events.blocks.build import BlockBuilder
from gateway.events.blocks.retention import purge_blocks
from gateway.events.models import Event, EventBlock, EventBlockTerm
from gateway.events.search import EventFilter
from gateway.installation import Installation
from gateway.tenants.acting import act, act_for_system
from gateway.tenants.directory import find_tenant
from gateway.tenants.management import create_tenant
from tests.services.acting import TESTER
from tests.services.rows import store_event

SMALL_BLOCK = 8
STATES = {
    EventStatus.DEAD: [DeliveryState.DEAD, DeliveryState.DELIVERED],
    EventStatus.PENDING: [DeliveryState.DELIVERED, DeliveryState.PENDING],
    EventStatus.DELIVERED: [DeliveryState.CANCELLED, DeliveryState.DELIVERED],
    EventStatus.CANCELLED: [DeliveryState.CANCELLED],
    EventStatus.UNROUTED: [],
}


@dataclass(frozen=True, slots=True)
class Stored:
    """What a test knows of an event."""

    id: str
    tenant: str
    source: str
    type: str
    status: EventStatus
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search."""

    source: str | None = None
    type: str | None = None
    status: EventStatus | None = None
    text: str | None = None

    def fits(self, event: Stored) -> bool:
        """The same, without a database."""
        of_type = self.type is None or fnmatchcase(event.type, self.type) or event.type == self.type.removesuffix(".*")
        return (
            of_type
            and self.source in (None, event.source)
            and self.status in (None, event.status)
            and set((self.text or "").lower().split()) <= event.words
        )


SEARCHES = [
    Wanted(source="github"),
    Wanted(source="rare"),
    Wanted(source="never"),
    Wanted(type="push"),
    Wanted(type="pull_request.*"),
    Wanted(source="stripe", type="pull_request.opened"),
    Wanted(source="stripe", type="*"),
    Wanted(status=EventStatus.UNROUTED),
    Wanted(status=EventStatus.PENDING),
    Wanted(status=EventStatus.DELIVERED),
    Wanted(status=EventStatus.CANCELLED),
    Wanted(status=EventStatus.DEAD),
    Wanted(status=EventStatus.CANCELLED, source="github"),
    Wanted(status=EventStatus.DEAD, type="push"),
    Wanted(text="order7"),
    Wanted(text="Blue order3", source="github"),
    Wanted(text="blue", status=EventStatus.UNROUTED),
    Wanted(text="nowhere"),
]


@pytest.fixture
def installation(settings: Settings, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    # Small ones, so that few events make many of them.
    monkeypatch.setattr(build, "BLOCK_EVENTS", SMALL_BLOCK)
    monkeypatch.setattr(finding, "FIRST", 2)
    monkeypatch.setattr(stretches, "MOST_BLOCKS", 3)
    monkeypatch.setattr(stretches, "MOST_BLOCKS_WITH_WORDS", 4)
    monkeypatch.setattr(stretches.FewWalk, "most", 3)
    with Installation(settings, clock=fake_clock) as made:
        with act_for_system(made, actor=TESTER, write=True) as acting:
            create_tenant(acting, "acme")
        yield made


@pytest.fixture
def builder(installation: Installation, fake_clock: FakeClock) -> BlockBuilder:
    return BlockBuilder(installation.database, fake_clock, unrouted)


def fill(installation: Installation, clock: FakeClock, count: int, seed: int) -> list[Stored]:
    """`count` events of two tenants, a second apart; the clock goes on."""
    chance = random.Random(seed)
    with act_for_system(installation, actor=TESTER) as acting:
        tenants = {slug: find_tenant(acting.session, slug).id for slug in ("default", "acme")}
    stored = []
    for number in range(count):
        clock.advance(1.0)
        slug = chance.choice(["default", "default", "acme"])
        source = "rare" if number == 5 else chance.choice(["github", "stripe"])
        type_ = chance.choice(["push", "pull_request", "pull_request.opened", "pull_request.closed"])
        status = chance.choice([*EventStatus, EventStatus.DELIVERED, EventStatus.DELIVERED])
        words = frozenset({f"order{number % 10}", chance.choice(["blue", "red"])})
        body = json.dumps({"items": sorted(words)}).upper().encode()
        event_id = store_event(
            installation.database,
            installation.now(),
            source=source,
            type=type_,
            body=body,
            states=STATES[status],
            tenant_id=tenants[slug],
        )
        stored.append(Stored(event_id, slug, source, type_, status, words | {"items"}))
    return stored


def found(installation: Installation, tenant: str, wanted: Wanted, limit: int = 4) -> list[str]:
    """All pages."""
    ids: list[str] = []
    cursor = None
    while True:
        with act(installation, actor=TESTER, tenant=tenant) as acting:
            page = find_in_journal(
                acting,
                EventFilter(source=wanted.source, type=wanted.type),
                PageRequest(limit, cursor),
                status=wanted.status,
                looked_for=LookedFor(wanted.text),
            )
        assert len(page.rows) <= limit
        ids += [row.id for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return ids


def assert_all_found(installation: Installation, stored: Sequence[Stored]) -> None:
    for tenant in ("default", "acme"):
        for wanted in SEARCHES:
            expected = [event.id for event in reversed(stored) if event.tenant == tenant and wanted.fits(event)]
            assert found(installation, tenant, wanted) == expected, wanted


def counted(installation: Installation) -> int:
    with installation.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(EventBlock)) or 0


def test_a_search_finds_the_same_with_blocks_without_and_in_between(
    installation: Installation, fake_clock: FakeClock, builder: BlockBuilder
) -> None:
    stored = fill(installation, fake_clock, 70, seed=1)
    assert_all_found(installation, stored)
    fake_clock.advance(60.0)
    while builder.step():
        pass
    assert counted(installation) == 70 // SMALL_BLOCK
    stored += fill(installation, fake_clock, 20, seed=2)
    assert_all_found(installation, stored)


def test_one_that_appeared_late_is_found_once_its_block_was_looked_at_again(
    installation: Installation, fake_clock: FakeClock, builder: BlockBuilder
) -> None:
    fill(installation, fake_clock, SMALL_BLOCK, seed=3)
    fake_clock.advance(60.0)
    assert builder.step()
    at = installation.now() - timedelta(seconds=60 + SMALL_BLOCK / 2)
    late = store_event(installation.database, at, source="late", body=b"latecomer", states=[])
    assert found(installation, "default", Wanted(source="late")) == []
    assert not builder.step()
    fake_clock.advance(build.LOOK_AGAIN_SECONDS)
    assert builder.step()
    assert not builder.step()
    assert found(installation, "default", Wanted(source="late")) == [late]
    assert found(installation, "default", Wanted(text="LateComer")) == [late]


def test_two_builders_build_each_block_once(
    installation: Installation, fake_clock: FakeClock, builder: BlockBuilder
) -> None:
    stored = fill(installation, fake_clock, SMALL_BLOCK * 2, seed=4)
    fake_clock.advance(60.0)
    other = BlockBuilder(installation.database, fake_clock, unrouted)
    with installation.database.read() as connection:
        first = [build._summaries(connection, limit=SMALL_BLOCK)]
        built = other._built(connection, "", first[0][-1].id, first[0])
    assert builder.step()
    with installation.database.write() as connection:
        other._store(connection, built, is_settled=False)
    assert builder.step()
    assert not builder.step()
    assert counted(installation) == 2
    assert_all_found(installation, stored)


def test_looking_for_words_is_given_up_in_time_and_goes_on_with_the_cursor(
    installation: Installation, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = fill(installation, fake_clock, 20, seed=5)
    monkeypatch.setattr(finding, "LOOKED_AT", 6)
    monkeypatch.setattr(finding, "BUDGET_SECONDS", -1.0)
    mine = [event for event in stored if event.tenant == "default"]
    with act(installation, actor=TESTER) as acting:
        page = find_in_journal(acting, EventFilter(), PageRequest(50), looked_for=LookedFor("nowhere"))
    assert (page.rows, page.next_cursor is None) == ((), False)
    assert page.looked_back_to is not None
    reached = mine[-6]
    assert page.looked_back_to.timestamp() == pytest.approx(
        installation.clock.now_us() / MICROSECONDS - (len(stored) - 1 - stored.index(reached)), abs=0.1
    )
    assert_all_found(installation, stored)


def test_text_without_a_word_is_refused(installation: Installation) -> None:
    with act(installation, actor=TESTER) as acting, pytest.raises(InvalidInput, match="no word"):
        find_in_journal(acting, EventFilter(), PageRequest(5), looked_for=LookedFor(" -- "))


def test_a_pattern_of_many_stars_costs_no_more_than_others(
    installation: Installation, fake_clock: FakeClock, builder: BlockBuilder
) -> None:
    stored = [store_event(installation.database, installation.now(), type="a" * 150) for _ in range(SMALL_BLOCK)]
    fake_clock.advance(60.0)
    assert builder.step()
    began = time.process_time()
    assert found(installation, "default", Wanted(type="*a" * 5 + "*b")) == []
    assert time.process_time() - began < 2.0
    assert found(installation, "default", Wanted(type="*a" * 5 + "*")) == sorted(stored, reverse=True)


def test_blocks_go_when_their_events_are_gone(
    installation: Installation, fake_clock: FakeClock, builder: BlockBuilder
) -> None:
    stored = fill(installation, fake_clock, SMALL_BLOCK * 3, seed=6)
    fake_clock.advance(60.0)
    while builder.step():
        pass
    keep = stored[SMALL_BLOCK].id
    gone = [event for event in stored if event.id < stored[-SMALL_BLOCK].id and event.id != keep]
    with installation.database.system_session(write=True) as session:
        session.execute(delete(Event).where(Event.id.in_([event.id for event in gone])))
    assert sum(purge_blocks(installation.database, fake_clock.now_us(), batch_blocks=1)) == 1
    with installation.database.read() as connection:
        assert connection.scalar(select(func.count(EventBlockTerm.last_id.distinct()))) == 2
    assert_all_found(installation, [event for event in stored if event not in gone])
