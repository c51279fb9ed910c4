"""Events are found by what is known of them: a vendor's id, a header, an expression. A page tells how far it looked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.db.paging import PageRequest
from gateway.delivery.event_replay.aim import Aim
from gateway.delivery.event_replay.replay import replay_event
from gateway.delivery.event_status import EventStatus, unrouted
from gateway.delivery.journal import find_in_journal, show_in_journal
from gateway.delivery.looked_for import LookedFor
from gateway.delivery.models import DeliveryState
from gateway.delivery.search import DeliverySearch, find_deliveries
from gateway.errors import InvalidInput, NotFound
from gateway.events.blocks import build, finding
from gateway.events.blocks.build import BlockBuilder
from gateway.events.search import EventFilter
from gateway.installation import Installation
from gateway.tenants.acting import act
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.management import add_source
from tests.services.acting import TESTER
from tests.services.rows import store_event


@pytest.fixture
def installation(settings: Settings, fake_clock: FakeClock) -> Iterator[Installation]:
    with Installation(settings, clock=fake_clock) as installation:
        yield installation


def found(installation: Installation, looked_for: LookedFor, *, status: EventStatus | None = None) -> list[str]:
    """The ids, over all pages."""
    ids, cursor = list[str](), None
    while True:
        with act(installation, actor=TESTER) as acting:
            page = find_in_journal(acting, EventFilter(), PageRequest(3, cursor), looked_for=looked_for, status=status)
        ids += [row.id for row in page.rows]
        if page.next_cursor is None:
            return ids
        cursor = page.next_cursor


def fill(installation: Installation) -> list[str]:
    now = installation.now()
    return [
        store_event(
            installation.database,
            now - timedelta(seconds=60 - number),
            body=b'{"order": {"id": "A-%d", "total": %d}}' % (number, number % 5),
            headers=[["X-Shop-Id", f"shop-{number % 4}"], ["Content-Type", "application/json"]],
            states=[DeliveryState.DEAD] if number % 6 == 0 else [],
        )
        for number in range(30)
    ]


@pytest.mark.parametrize("with_blocks", [False, True])
def test_headers_and_expressions(
    installation: Installation,
    fake_clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    *,
    with_blocks: bool,
) -> None:
    ids = fill(installation)
    monkeypatch.setattr(build, "BLOCK_EVENTS", 8)
    builder = BlockBuilder(installation.database, fake_clock, unrouted)
    fake_clock.advance(60.0)
    while with_blocks and builder.step():
        pass
    monkeypatch.setattr(finding, "LOOKED_AT", 4)
    monkeypatch.setattr(finding, "LOOKED_INTO", 4)

    def at(*numbers: int) -> list[str]:
        return [ids[number] for number in sorted(numbers, reverse=True)]

    look = partial(found, installation)
    by_header = LookedFor(headers=(("x-shop-id", "shop-3"),))
    assert look(by_header) == at(3, 7, 11, 15, 19, 23, 27)
    assert look(LookedFor(headers=(("X-Other", "shop-3"),))) == []
    assert look(LookedFor(headers=(("X-Shop-Id", "shop"),))) == [], "whole values only"
    assert look(LookedFor(where="order.id == 'A-17'")) == at(17)
    assert look(LookedFor(where="order.total == `3`")) == at(3, 8, 13, 18, 23, 28)
    assert look(LookedFor(where="order.total > `3`")) == at(4, 9, 14, 19, 24, 29)
    assert look(LookedFor(where="length(order.total) == `1`")) == [], "what fails on an event does not hold for it"
    assert look(LookedFor("A 17")) == at(17)
    both = LookedFor(headers=by_header.headers, where="order.total == `3`")
    assert look(both) == at(3, 23)
    assert look(LookedFor(where="order.total == `0`"), status=EventStatus.DEAD) == at(0)
    assert look(by_header, status=EventStatus.DEAD) == []
    # Time is over at once: each page says how far it came, and no event is left out.
    monkeypatch.setattr(finding, "BUDGET_SECONDS", -1.0)
    with act(installation, actor=TESTER) as acting:
        page = find_in_journal(acting, EventFilter(), PageRequest(50), looked_for=by_header)
    assert page.looked_back_to is not None
    assert look(by_header) == at(3, 7, 11, 15, 19, 23, 27)
    assert look(both) == at(3, 23)


def test_a_vendors_id_stands_for_the_event(installation: Installation) -> None:
    now, database = installation.now(), installation.database
    with act(installation, actor=TESTER, write=True) as acting:
        sources = {
            slug: add_source(acting, SourceDraft(slug, "github", credentials={"secret": "s"})).source.id
            for slug in ("one", "two")
        }
    other = store_event(database, now, source="one", source_id=sources["one"], dedupe_key="in_0")
    id_ = store_event(
        database, now, source="one", source_id=sources["one"], dedupe_key="in_1", states=[DeliveryState.DEAD]
    )
    gone = store_event(database, now, source="gone", source_id="src_gone", dedupe_key="ab-77")
    assert found(installation, LookedFor(vendor_id="in_1")) == [id_]
    assert found(installation, LookedFor(vendor_id="ab-77")) == [gone], "of a source that was removed"
    assert found(installation, LookedFor(vendor_id="in_2")) == []
    with act(installation, actor=TESTER, write=True) as acting:
        assert show_in_journal(acting, "in_1").id == id_
        assert show_in_journal(acting, other).id == other
        assert replay_event(acting, "in_1", Aim()).replayed == 1
        [delivery] = find_deliveries(acting, DeliverySearch(event_id="in_1"), PageRequest()).rows
        assert delivery.event_id == id_
        with pytest.raises(NotFound, match="none has that id, here or at a vendor"):
            show_in_journal(acting, "in_2")
    twin = store_event(database, now, source="two", source_id=sources["two"], dedupe_key="in_1")
    assert set(found(installation, LookedFor(vendor_id="in_1"))) == {id_, twin}
    with act(installation, actor=TESTER) as acting, pytest.raises(InvalidInput, match="several events") as raised:
        show_in_journal(acting, "in_1")
    assert all(part in str(raised.value) for part in (id_, twin, "two"))
