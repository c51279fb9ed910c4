"""What is out of order is seen: in lists, by the doctor, in `/readyz` and as a metric."""

from __future__ import annotations

import pytest

from gateway.db.paging import PageRequest
from gateway.delivery.destinations.search import find_destinations
from gateway.delivery.routes.search import find_routes
from gateway.doctor.check import Level
from gateway.doctor.examine import examine
from gateway.webhooks.sources.search import find_sources
from tests.integration.resilience.conftest import House
from tests.integration.resilience.test_one_tenant_alone import DESTINATIONS, ROUTES, SOURCES, Break, break_rows, named


@pytest.fixture
def broken(house: House) -> House:
    """Everything of `acme` is out of order."""
    for found in (SOURCES[1], DESTINATIONS[2], ROUTES[0]):
        break_rows(house, found)
    return house


@pytest.mark.parametrize("found", [*SOURCES, *DESTINATIONS, *ROUTES], ids=named)
def test_lists_tell_what_is_out_of_order_and_why(house: House, found: Break) -> None:
    break_rows(house, found)
    lists = {"source": find_sources, "destin": find_destinations, "routes": find_routes}
    with house.acting("acme", write=False) as acting:
        page = lists[found.table[:6]](acting, PageRequest())
    assert [(one.state, one.out_of_order and one.out_of_order.code) for one in page.rows] == [
        ("out_of_order", found.code)
    ] * len(page.rows)
    assert page.rows
    with house.acting(write=False) as acting:
        page = lists[found.table[:6]](acting, PageRequest())
    assert {(one.state, one.out_of_order) for one in page.rows} == {("enabled", None)}


def test_the_doctor_names_each(broken: House) -> None:
    about = {"sources", "destinations", "routes"}
    results = [one for one in examine(broken.installation) if one.level is Level.FAIL and one.name in about]
    assert [one.name for one in results] == ["sources", "destinations", "destinations", "routes", "routes"]
    assert results[0].detail.startswith("github of tenant acme is out of order: network_malformed: ")
    assert {one.detail.split()[0] for one in results[1:3]} == {"app", "audit"}


def test_ready_all_the_same_and_strangers_learn_no_names(broken: House) -> None:
    answer = broken.client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json["checks"]["configuration"] == {
        "ok": True,
        "detail": "out of order: 1 source, 2 destinations, 2 routes",
    }
    assert "acme" not in answer.text


def test_a_metric_counts_them_and_another_the_age_of_the_configuration(broken: House) -> None:
    broken.refresh()
    broken.clock.advance(42)
    lines = broken.client.get("/metrics").text.splitlines()
    assert 'gateway_out_of_order{kind="source"} 1.0' in lines
    assert 'gateway_out_of_order{kind="destination"} 2.0' in lines
    assert 'gateway_out_of_order{kind="route"} 2.0' in lines
    assert "gateway_configuration_age_seconds 42.0" in lines
    assert broken.client.get("/readyz").json["checks"]["configuration"]["detail"].endswith("not refreshed for 42 s")
