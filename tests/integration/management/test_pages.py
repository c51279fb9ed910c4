"""Lists: every row once and in order, page after page, with as many statements for a page of many as for one of few."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from gateway.clock import FakeClock, from_us
from gateway.config import Settings
from gateway.db.paging import Page, PageRequest, every
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import add_destination
from gateway.delivery.destinations.search import find_destinations
from gateway.delivery.journal import find_in_journal, show_in_journal
from gateway.delivery.models import DeliveryState
from gateway.delivery.routes.draft import RouteDraft
from gateway.delivery.routes.search import find_routes
from gateway.delivery.search import DeliverySearch, find_deliveries
from gateway.errors import InvalidInput
from gateway.events.search import EventFilter
from gateway.installation import Installation
from gateway.tenants.acting import Acting, act, act_for_system
from gateway.tenants.management import create_tenant, find_tenants
from gateway.webhooks.routes import add_route
from gateway.webhooks.sources.changes import CredentialDraft
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.management import add_source, rotate_credential
from gateway.webhooks.sources.search import find_sources
from tests.services.acting import TESTER
from tests.services.rows import store_event

COUNT = 5
Find = Callable[[Acting, PageRequest], Page[Any]]

LISTS: dict[str, tuple[Find, Callable[[Any], str], bool]] = {
    "sources": (find_sources, lambda row: row.slug, False),
    "destinations": (find_destinations, lambda row: row.name, False),
    "routes": (find_routes, lambda row: row.id, False),
    "events": (lambda acting, page: find_in_journal(acting, EventFilter(), page), lambda row: row.id, True),
    "deliveries": (lambda acting, page: find_deliveries(acting, DeliverySearch(), page), lambda row: row.id, True),
}


@pytest.fixture
def installation(settings: Settings, fake_clock: FakeClock) -> Iterator[Installation]:
    """With `COUNT` of everything, and several of what hangs on each."""
    with Installation(settings, clock=fake_clock) as made:
        now = from_us(fake_clock.now_us())
        with act(made, actor=TESTER, write=True) as acting:
            for number in range(COUNT):
                add_source(acting, SourceDraft(f"s{number}", "github", credentials={"secret": "x"}))
                rotate_credential(acting, f"s{number}", CredentialDraft("y"))
                add_destination(acting, DestinationDraft(f"d{number}", "http://127.0.0.1:9/"))
                add_route(acting, RouteDraft(f"s{number}", f"d{number}"))
        for number in range(COUNT):
            at = now - timedelta(minutes=number)
            store_event(made.database, at, states=[DeliveryState.DEAD] * 3, attempts=2)
        yield made


def test_every_row_comes_once_in_order(installation: Installation) -> None:
    for name, (find, key, is_descending) in LISTS.items():
        with act(installation, actor=TESTER) as acting:
            found = [key(row) for row in _by_twos(acting, find)]
            assert found == [key(row) for row in every(lambda page, find=find: find(acting, page))], name
        assert len(found) == (3 * COUNT if name == "deliveries" else COUNT), name
        assert found == sorted(set(found), reverse=is_descending), name


def _by_twos(acting: Acting, find: Find) -> Iterator[Any]:
    cursor = None
    while True:
        page = find(acting, PageRequest(2, cursor))
        yield from page.rows
        cursor = page.next_cursor
        if cursor is None:
            return


def test_a_page_of_many_takes_no_more_statements_than_one_of_one(installation: Installation) -> None:
    for name, (find, _, _) in LISTS.items():
        one, many = (
            len(statements(installation, lambda acting, n=n, find=find: find(acting, PageRequest(n))))
            for n in (1, COUNT)
        )
        assert one == many, name
        assert many <= 8, name


def test_neither_does_an_event_with_many_deliveries(installation: Installation) -> None:
    now = installation.now()
    few = store_event(installation.database, now, states=[DeliveryState.DEAD], attempts=1)
    many = store_event(installation.database, now, states=[DeliveryState.DEAD] * 9, attempts=3)
    assert len(statements(installation, lambda acting: show_in_journal(acting, few))) == len(
        statements(installation, lambda acting: show_in_journal(acting, many))
    )


def test_tenants_come_in_pages_too(installation: Installation) -> None:
    with act_for_system(installation, actor=TESTER, write=True) as acting:
        for slug in ("c", "a", "b"):
            create_tenant(acting, slug)
        first = find_tenants(acting, PageRequest(3))
        rest = find_tenants(acting, PageRequest(3, first.next_cursor))
        slugs = [tenant.slug for tenant in (*first.rows, *rest.rows)]
    assert slugs == ["a", "b", "c", "default"]
    assert rest.next_cursor is None


def test_a_row_that_goes_between_two_pages_hides_no_other(installation: Installation) -> None:
    with act(installation, actor=TESTER, write=True) as acting:
        first = find_sources(acting, PageRequest(2))
        add_source(acting, SourceDraft("s0a", "github", credentials={"secret": "x"}))
        rest = find_sources(acting, PageRequest(200, first.next_cursor))
    assert [row.slug for row in rest.rows] == ["s2", "s3", "s4"]


def test_a_cursor_of_somebody_s_own_is_refused(installation: Installation) -> None:
    for cursor in ("!!", "", "czE", "U291cmNlLnNsdWc", "é", "A" * 5000):
        with act(installation, actor=TESTER) as acting, pytest.raises(InvalidInput) as refused:
            find_sources(acting, PageRequest(2, cursor))
        assert [(fault.field, fault.code) for fault in refused.value.faults] == [("cursor", "malformed")], cursor


def test_a_cursor_of_another_list_is_refused(installation: Installation) -> None:
    with act(installation, actor=TESTER) as acting:
        cursor = find_sources(acting, PageRequest(2)).next_cursor
        with pytest.raises(InvalidInput, match="this list"):
            find_destinations(acting, PageRequest(2, cursor))


@pytest.mark.parametrize("limit", [0, -1, 201])
def test_a_page_has_a_bounded_size(limit: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        PageRequest(limit)
    assert [(fault.field, fault.code) for fault in refused.value.faults] == [("limit", "out_of_range")]


def statements(installation: Installation, look: Callable[[Acting], object]) -> list[str]:
    """The statements that `look` makes."""
    said: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(statement)

    with act(installation, actor=TESTER) as acting:
        event.listen(installation.database.engine, "before_cursor_execute", hear)
        try:
            look(acting)
        finally:
            event.remove(installation.database.engine, "before_cursor_execute", hear)
    return said
