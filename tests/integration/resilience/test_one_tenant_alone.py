"""One tenant never stops another: whatever is broken in a row, that row alone is out of order, and can be mended."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from sqlalchemy import select

from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import rotate_secret, update_destination
from gateway.delivery.models import Route
from gateway.delivery.retry import RetryFilter, retry_many
from gateway.delivery.routes.draft import RouteChange
from gateway.factory import create_app
from gateway.installation import Installation
from gateway.manifest.apply import apply_plan, make_plan
from gateway.manifest.reading import Manifest
from gateway.out_of_order import OutOfOrderCode
from gateway.webhooks.explain.case import Case
from gateway.webhooks.explain.stored import rejected_case
from gateway.webhooks.routes import change_route
from gateway.webhooks.sources.changes import CredentialDraft
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.management import rotate_credential
from tests.integration.resilience.conftest import House
from tests.integration.webhooks.conftest import SECRET, code

BODY = b'{"ref": "main"}'


class Break(NamedTuple):
    """A way to break rows of the tenant `acme`."""

    table: str
    column: str
    value: object
    code: OutOfOrderCode


SOURCES = [
    Break("source_credentials", "sealed_value", b"\x01" + bytes(60), OutOfOrderCode.DECRYPTION_FAILED),
    Break("sources", "allowed_ips", '["10.0.0.0/99"]', OutOfOrderCode.NETWORK_MALFORMED),
    Break("sources", "allowed_ips", "7", OutOfOrderCode.UNREADABLE),
    Break("sources", "provider", "nobody", OutOfOrderCode.PROVIDER_UNKNOWN),
    Break("sources", "scheme", "rot13", OutOfOrderCode.SCHEME_UNKNOWN),
]
DESTINATIONS = [
    Break("destination_secrets", "sealed_value", b"\x01" + bytes(60), OutOfOrderCode.DECRYPTION_FAILED),
    Break("destinations", "sealed_headers", b"nonsense", OutOfOrderCode.DECRYPTION_FAILED),
    Break("destinations", "url", "gopher://app", OutOfOrderCode.URL_MALFORMED),
    Break("destinations", "kind", "pigeon", OutOfOrderCode.UNREADABLE),
    Break("destinations", "fatal_statuses", "7", OutOfOrderCode.UNREADABLE),
]
ROUTES = [
    Break("routes", '"where"', "ref ==", OutOfOrderCode.EXPRESSION_MALFORMED),
    Break("routes", "transform", "{", OutOfOrderCode.EXPRESSION_MALFORMED),
    Break("routes", "event_types", "7", OutOfOrderCode.UNREADABLE),
]


def named(found: Break) -> str:
    return f"{found.table}.{found.column}".replace('"', "") + f"-{found.code}"


def break_rows(house: House, found: Break, which: str = "") -> None:
    house.change(
        f"UPDATE {found.table} SET {found.column} = :value WHERE tenant_id = 'ten_acme' {which}",
        value=found.value,
    )
    house.refresh()


@pytest.mark.parametrize("found", SOURCES, ids=named)
def test_a_source_out_of_order_asks_to_wait_and_the_others_receive(house: House, found: Break) -> None:
    assert house.github().status_code == 200
    house.source("second", "github", SECRET, tenant="acme")
    which = "AND source_id IN (SELECT id FROM sources WHERE slug = 'github')"
    break_rows(house, found, which if found.table == "source_credentials" else "AND slug = 'github'")
    assert house.github(key="d-2", body=BODY).status_code == 200
    assert house.github("acme/second", body=BODY).status_code == 200
    refused = house.github("acme/github", body=BODY)
    assert (refused.status_code, code(refused)) == (503, "source_out_of_order")
    assert refused.headers["Retry-After"] == "60"
    [broken] = house.inbound.ingest.snapshot.current().out_of_order.values()
    assert (broken.out_of_order.tenant_id, broken.out_of_order.name) == ("ten_acme", "github")
    assert broken.out_of_order.code == found.code
    assert [one.reason for one in house.rejections()] == ["source_out_of_order"]


@pytest.mark.parametrize("found", DESTINATIONS, ids=named)
def test_deliveries_to_a_destination_out_of_order_wait_and_the_others_go(house: House, found: Break) -> None:
    assert house.github(body=BODY).status_code == 200
    which = "IN (SELECT id FROM destinations WHERE name = 'app')"
    column = "destination_id" if found.table == "destination_secrets" else "id"
    break_rows(house, found, f"AND {column} {which}")
    for address in ("github", "acme/github"):
        assert house.github(address, body=BODY, key="d-2").status_code == 200
    assert house.deliveries_of("acme") == {"app": ("pending", None), "audit": ("pending", None)}
    others = {("ten_default", "app"), ("ten_default", "audit"), ("ten_acme", "audit")}
    assert house.claimed() == others
    [broken] = house.routing().destinations_out_of_order.values()
    assert (broken.tenant_id, broken.name, broken.code) == ("ten_acme", "app", found.code)


@pytest.mark.parametrize("found", ROUTES, ids=named)
def test_a_route_out_of_order_makes_dead_deliveries_and_the_others_go(house: House, found: Break) -> None:
    assert house.github(body=BODY).status_code == 200
    break_rows(house, found, "AND destination_id IN (SELECT id FROM destinations WHERE name = 'app')")
    for address in ("github", "acme/github"):
        assert house.github(address, body=BODY, key="d-2").status_code == 200
    assert house.deliveries_of("acme") == {"app": ("dead", "route_failed"), "audit": ("pending", None)}
    assert house.deliveries_of("default") == {"app": ("pending", None), "audit": ("pending", None)}
    [broken] = house.routing().routes_out_of_order.values()
    assert (broken.tenant_id, broken.code) == ("ten_acme", found.code)


def test_a_gateway_starts_beside_everything_that_is_broken(house: House) -> None:
    for found in (SOURCES[0], SOURCES[1], DESTINATIONS[0], DESTINATIONS[2], ROUTES[0]):
        break_rows(house, found)
    with Installation(house.settings, clock=house.clock) as installation:
        app = create_app(installation)
        started = House(app, installation.database, house.settings, house.clock, installation=installation)
        assert started.github(body=BODY).status_code == 200
        assert code(started.github("acme/github", body=BODY)) == "source_out_of_order"
        assert started.claimed() == {("ten_default", "app"), ("ten_default", "audit")}


def test_a_broken_ordering_key_lets_nothing_out_of_order_through(house: House) -> None:
    bad = Break("destinations", "ordering_key", "ref ==", OutOfOrderCode.EXPRESSION_MALFORMED)
    break_rows(house, bad, "AND name = 'app'")
    assert house.github("acme/github", body=BODY).status_code == 200
    assert house.deliveries_of("acme") == {"app": ("dead", "route_failed"), "audit": ("pending", None)}
    assert [one.code for one in house.routing().destinations_out_of_order.values()] == [bad.code]


def test_another_secret_mends_a_source_at_once(house: House) -> None:
    break_rows(house, SOURCES[0])
    assert code(house.github("acme/github")) == "source_out_of_order"
    with house.acting("acme") as acting:
        rotate_credential(acting, "github", CredentialDraft("another"))
    house.refresh()
    assert house.github("acme/github", secret="another").status_code == 200


def test_a_mended_destination_gets_what_waited(house: House) -> None:
    for found in DESTINATIONS[:3]:
        break_rows(house, found)
    house.github("acme/github", body=BODY)
    assert house.claimed() == set()
    with house.acting("acme") as acting:
        for name in ("app", "audit"):
            update_destination(acting, DestinationDraft(name, "http://127.0.0.1:9/"))
            rotate_secret(acting, name)
    assert house.claimed() == {("ten_acme", "app"), ("ten_acme", "audit")}


def test_a_mended_route_gives_its_dead_deliveries_at_a_replay(house: House) -> None:
    break_rows(house, ROUTES[1], "AND destination_id IN (SELECT id FROM destinations WHERE name = 'app')")
    house.github("acme/github", body=BODY)
    with house.acting("acme") as acting:
        route = acting.session.scalars(select(Route).where(Route.transform == "{")).one()
        change_route(acting, route.id, RouteChange(transform="{branch: ref}"))
    assert retry_many(lambda: house.acting("acme"), RetryFilter()) == 1
    assert house.deliveries_of("acme")["app"] == ("pending", None)


def test_a_disabled_source_out_of_order_is_gone_all_the_same(house: House) -> None:
    break_rows(house, SOURCES[1])
    house.change("UPDATE sources SET disabled_at = 1 WHERE tenant_id = 'ten_acme'")
    house.refresh()
    assert house.github("acme/github").status_code == 410


def test_what_ended_need_not_open(house: House) -> None:
    break_rows(house, SOURCES[0])
    house.change("UPDATE source_credentials SET expires_at = 1 WHERE tenant_id = 'ten_acme'")
    house.refresh()
    assert house.inbound.ingest.snapshot.current().out_of_order == {}


def test_a_manifest_mends_secrets_and_headers_that_do_not_open(house: House) -> None:
    break_rows(house, SOURCES[0])
    break_rows(house, DESTINATIONS[1])
    source = SourceDraft("github", "github", credentials={"secret": "another"})
    destinations = tuple(
        DestinationDraft(name, f"http://127.0.0.1:9/{name}", ordering_key="ref") for name in ("app", "audit")
    )
    manifest = Manifest(sources=(source,), destinations=destinations)
    with house.acting("acme") as acting:
        apply_plan(acting, make_plan(acting, manifest, [], prune=False))
    house.refresh()
    assert house.github("acme/github", body=BODY, secret="another").status_code == 200
    assert house.claimed() == {("ten_acme", "app"), ("ten_acme", "audit")}


def test_explaining_a_source_does_without_one_that_is_out_of_order(house: House) -> None:
    house.source("second", "github", SECRET, tenant="acme")
    break_rows(house, SOURCES[0], "AND source_id IN (SELECT id FROM sources WHERE slug = 'github')")
    assert house.github("acme/second", secret="wrong").status_code == 401
    [rejection] = house.rejections()
    with house.acting("acme", write=False) as acting:
        case = rejected_case(acting, rejection.id)
    assert isinstance(case, Case)
    assert case.others == []
