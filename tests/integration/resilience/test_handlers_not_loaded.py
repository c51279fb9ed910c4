"""A handler whose module is not loaded loses nothing: its deliveries are made, seen to wait, and go when it is back.

The web process of these tests has loaded no handler; workers come and go with modules of their own.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from gateway.db.paging import PageRequest
from gateway.db.revisions import EVERY_KIND
from gateway.delivery.destinations.management import disable_destination, remove_destination
from gateway.delivery.destinations.schema import DestinationSchema
from gateway.delivery.destinations.search import find_destinations, show_destination
from gateway.delivery.destinations.summary import DestinationSummary
from gateway.delivery.queue.claim import Claimer, FreeSlots
from gateway.delivery.retry import cancel_pending
from gateway.delivery.routes.loader import RoutingLoader
from gateway.doctor.check import Level
from gateway.doctor.examine import examine
from gateway.errors import NotFound
from gateway.handlers import Handler, HandlerEvent, HandlerRegistry
from tests.integration.resilience.conftest import House

BILLING, REVIEW = "billing:book", "reviews:ask"


def called(_event: HandlerEvent) -> None:
    raise AssertionError("nothing is called here")


def registry(*handlers: tuple[str, str, tuple[str, ...]]) -> HandlerRegistry:
    """What a process has that has loaded the modules of `handlers`: name, source, patterns."""
    made = HandlerRegistry({name.partition(":")[0] for name, _, _ in handlers})
    for name, source, patterns in handlers:
        made.add(Handler(name, source, patterns, 30.0, called))
    return made


ALL = registry((BILLING, "github", ("push",)), (BILLING, "gateway", ("*",)), (REVIEW, "github", ("pull_request.*",)))
NO_BILLING = registry((REVIEW, "github", ("pull_request.*",)))
NOTHING = HandlerRegistry()


class Worker:
    """A worker that has started with the handlers of a registry."""

    def __init__(self, house: House, registry: HandlerRegistry) -> None:
        self._house = house
        keyring = house.installation.keyring
        self._load = RoutingLoader(house.settings, keyring, registry, house.clock, delivers=True)
        self.look()

    def look(self) -> None:
        """See what changed."""
        self.routing = self._load(self._house.database, EVERY_KIND)

    def claim(self) -> list[tuple[str, int]]:
        """Destinations and attempts of what it claims."""
        with self._house.database.write() as connection:
            free = FreeSlots(100, lambda _target: 100)
            found = Claimer().claim(connection, self.routing.targets, free, now_us=self._house.clock.now_us())
        return sorted((self.routing.targets[one.destination_id].name, one.attempt) for one in found)


def listed(house: House, name: str) -> DestinationSummary:
    with house.acting(write=False) as acting:
        (found,) = [one for one in find_destinations(acting, PageRequest()).rows if one.name == name]
        assert found == show_destination(acting, name)
    return found


def deliveries_to(house: House, name: str) -> list[tuple[str, int]]:
    """State and attempts of each of the default tenant's."""
    statement = text(
        "SELECT deliveries.state, attempts_made FROM deliveries JOIN destinations ON destinations.id = destination_id "
        "WHERE destinations.name = :name AND deliveries.tenant_id = 'ten_default'"
    )
    with house.database.read() as connection:
        return [(row[0], row[1]) for row in connection.execute(statement, {"name": name})]


def revisions(house: House) -> list[tuple[str, int]]:
    with house.database.read() as connection:
        return sorted((row[0], row[1]) for row in connection.execute(text("SELECT name, value FROM revisions")))


@pytest.fixture
def forgotten(house: House) -> House:
    """A gateway that had both handlers, and was started again without the module of one."""
    Worker(house, ALL)
    Worker(house, NO_BILLING)
    house.refresh()
    return house


def test_its_deliveries_are_made_and_wait_until_it_is_back(forgotten: House) -> None:
    assert forgotten.github("github", key="d-1").status_code == 200
    assert deliveries_to(forgotten, BILLING) == [("pending", 0)]
    without = Worker(forgotten, NO_BILLING)
    forgotten.clock.advance(3600)
    assert BILLING not in dict(without.claim())
    assert deliveries_to(forgotten, BILLING) == [("pending", 0)]
    assert (BILLING, 1) in Worker(forgotten, ALL).claim()
    assert listed(forgotten, BILLING).state == "enabled"


def test_it_is_seen_everywhere(forgotten: House) -> None:
    found = listed(forgotten, BILLING)
    assert found.state == "not loaded"
    shown = DestinationSchema().dump(found)
    assert (shown["state"], shown["out_of_order"]["code"]) == ("not loaded", "not_loaded")
    assert "name that in GATEWAY_HANDLERS again" in shown["out_of_order"]["detail"]
    assert listed(forgotten, REVIEW).state == "enabled"
    results = [one for one in examine(forgotten.installation) if "is not loaded" in one.detail]
    # Each of two tenants has it.
    assert [(one.name, one.level, one.detail.split()[0]) for one in results] == [
        ("destinations", Level.WARN, BILLING)
    ] * 2
    assert 'gateway_out_of_order{kind="destination"} 2.0' in forgotten.client.get("/metrics").text


def test_a_worker_tells_at_its_start_once_and_not_for_each_tenant(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    Worker(house, ALL)
    assert "is not loaded" not in caplog.text
    worker = Worker(house, NO_BILLING)
    worker.look()
    (told,) = [record.getMessage() for record in caplog.records if "a handler is not loaded" in record.getMessage()]
    assert BILLING in told


def test_every_decorator_of_it_counts(forgotten: House) -> None:
    """`billing:book` listens to two sources, with patterns of each."""
    routes = forgotten.routing().by_source
    heard = {
        (source, type_)
        for source in ("github", "gateway")
        for type_ in ("push", "pull_request.opened", "gateway.delivery.dead")
        for route in routes["ten_default", source]
        if route.id is None and route.matches(type_)
    }
    both = {("github", "push"), ("github", "pull_request.opened")}
    assert heard == both | {("gateway", type_) for type_ in ("push", "pull_request.opened", "gateway.delivery.dead")}


def test_one_worker_that_has_it_is_enough_and_nobody_quarrels(house: House) -> None:
    having, lacking = Worker(house, ALL), Worker(house, NOTHING)
    assert listed(house, BILLING).state == "not loaded"
    having.look()
    assert {listed(house, name).state for name in (BILLING, REVIEW)} == {"enabled"}
    before = revisions(house)
    for worker in (lacking, having, lacking, having):
        worker.look()
    assert revisions(house) == before
    house.refresh()
    house.github("github", key="d-1")
    assert BILLING not in dict(lacking.claim())
    assert (BILLING, 1) in having.claim()


def test_a_web_process_that_has_not_loaded_it_says_nothing_of_it(house: House) -> None:
    Worker(house, ALL)
    with house.database.read() as connection:
        before = connection.execute(text("SELECT * FROM handlers ORDER BY name")).all()
    house.routing()
    with house.database.read() as connection:
        assert connection.execute(text("SELECT * FROM handlers ORDER BY name")).all() == before


def test_a_renamed_function_gets_no_more_and_what_waits_can_be_cancelled(house: House) -> None:
    Worker(house, ALL)
    house.refresh()
    house.github("github", key="d-1")
    renamed = registry(("billing:book_it", "github", ("push",)), (REVIEW, "github", ("pull_request.*",)))
    worker = Worker(house, renamed)
    house.refresh()
    house.github("github", key="d-2")
    assert deliveries_to(house, BILLING) == [("pending", 0)]
    assert deliveries_to(house, "billing:book_it") == [("pending", 0)]
    found = listed(house, BILLING)
    assert (found.state, found.backlog.pending) == ("not loaded", 1)
    assert found.out_of_order is not None
    assert "no such handler in it any more" in found.out_of_order.detail
    assert cancel_pending(house.acting, BILLING) == 1
    for tenant in ("default", "acme"):
        with house.acting(tenant) as acting:
            remove_destination(acting, BILLING)
    worker.look()
    with house.acting(write=False) as acting, pytest.raises(NotFound):
        show_destination(acting, BILLING)


def test_one_that_was_switched_off_is_disabled_and_not_missed(forgotten: House) -> None:
    with forgotten.acting() as acting:
        disable_destination(acting, BILLING)
    assert listed(forgotten, BILLING).state == "disabled (by_hand)"
    forgotten.refresh()
    assert 'gateway_out_of_order{kind="destination"} 1.0' in forgotten.client.get("/metrics").text


def test_one_of_which_nothing_is_known_is_seen_too(house: House) -> None:
    """As after an update from a version that kept nothing of handlers."""
    Worker(house, ALL)
    with house.database.write() as connection:
        connection.execute(text("DELETE FROM handlers"))
    Worker(house, NOTHING)
    assert {listed(house, name).state for name in (BILLING, REVIEW)} == {"not loaded"}


def test_processes_that_start_together_agree(house: House) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: Worker(house, ALL), range(4)))
    with house.database.read() as connection:
        rows = connection.execute(text("SELECT name, missing_since FROM handlers ORDER BY name")).all()
    assert [tuple(row) for row in rows] == [(BILLING, None), (REVIEW, None)]
