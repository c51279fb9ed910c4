"""Routing is a pure function of an event and the routes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gateway.delivery.decisions.expressions import compile_expression
from gateway.delivery.decisions.patterns import compile_patterns
from gateway.delivery.queue.enqueue import DeliveryRow
from gateway.delivery.routes.routing import CompiledRoute, RoutingSnapshot, fan_out
from gateway.errors import InvalidInput
from gateway.events.append import EventRow

HEADERS = (("Content-Type", "application/json"), ("X-Tier", "gold"))


def event(body: bytes | object = b"{}", *, content_type: str = "application/json", **values: object) -> EventRow:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    row = EventRow(
        id="evt_1",
        tenant_id="ten_1",
        source_id="src_1",
        source="orders",
        provider="shopify",
        type="order.created",
        dedupe_key=None,
        received_at=1_000,
        request_id=None,
        method="POST",
        url="",
        content_type=content_type,
        body_bytes=len(raw),
        headers=b"[]",
        body=raw,
    )
    return row._replace(**values)


def route(
    *patterns: str, where: str | None = None, transform: str | None = None, key: str | None = None
) -> CompiledRoute:
    def compiled(text: str | None):
        return None if text is None else compile_expression(text, what="the filter")

    return CompiledRoute(
        "rte_1", "dst_1", compile_patterns(patterns), compiled(where), compiled(transform), compiled(key)
    )


def deliver(made: EventRow, *routes: CompiledRoute) -> tuple[DeliveryRow, ...]:
    return fan_out(RoutingSnapshot(by_source={("ten_1", "orders"): routes}), made, HEADERS)


def test_an_event_goes_to_every_route_that_matches() -> None:
    rows = deliver(event(), route("order.*"), route("refund.*"), route())
    assert [(row.state, row.event_id, row.destination_id, row.next_attempt_at) for row in rows] == [
        ("pending", "evt_1", "dst_1", 1_000)
    ] * 2
    assert len({row.id for row in rows}) == 2


def test_another_tenants_routes_do_not_count() -> None:
    routing = RoutingSnapshot(by_source={("ten_2", "orders"): [route()]}, by_provider={("ten_2", "shopify"): [route()]})
    assert fan_out(routing, event(), HEADERS) == ()


def test_handlers_of_a_provider_get_the_events_of_its_every_source() -> None:
    routing = RoutingSnapshot(by_provider={("ten_1", "shopify"): [route()]})
    assert len(fan_out(routing, event(), HEADERS)) == 1


def test_a_handler_on_slug_and_provider_of_the_same_name_runs_once() -> None:
    same = route()
    routing = RoutingSnapshot({}, {}, {("ten_1", "shopify"): [same]}, {("ten_1", "shopify"): [same]})
    assert len(fan_out(routing, event(source="shopify"), HEADERS)) == 1


@pytest.mark.parametrize(
    ("where", "passes"),
    [
        ("total > `100`", True),
        ("total > `200`", False),
        ("customer.email", True),
        ("customer.phone", False),
        ("lines", False),
        ("header('x-tier') == 'gold'", True),
        ("event_type() == 'order.created' && source() == 'orders'", True),
        ("zero", True),
    ],
)
def test_filters(where: str, passes: bool) -> None:
    body = {"total": 150, "customer": {"email": "a@example.com"}, "lines": [], "zero": 0}
    assert bool(deliver(event(body), route(where=where))) is passes


def test_a_form_is_an_object_of_its_fields() -> None:
    made = event(b"From=%2B1415&Body=hi", content_type="application/x-www-form-urlencoded; charset=utf-8")
    assert deliver(made, route(where="From == '+1415'", transform="{text: Body}"))[0].payload == b'{"text":"hi"}'


def test_a_transform_becomes_the_payload_as_json() -> None:
    (row,) = deliver(event({"order": {"id": 7}, "name": "Zoë"}), route(transform="{id: order.id, name: name}"))
    assert row.payload == '{"id":7,"name":"Zoë"}'.encode()


@pytest.mark.parametrize(
    "broken",
    [
        {"where": "length(total) > `1`"},
        {"transform": "max_by(total, &x)"},
        {"key": "sum(name)"},
    ],
)
def test_an_expression_that_fails_leaves_a_dead_delivery_with_the_reason(broken: dict[str, str]) -> None:
    (row,) = deliver(event({"total": 3, "name": "x"}), route(**broken))
    assert (row.state, row.reason, row.finished_at) == ("dead", "route_failed", 1_000)
    assert row.detail is not None
    assert next(iter(broken.values())) in row.detail


@pytest.mark.parametrize("body", [b"not json", b"\xff\x00", b"[" * 100_000, b""])
def test_a_filter_on_a_body_that_is_no_json_does_not_lose_the_event(body: bytes) -> None:
    (row,) = deliver(event(body), route(where="a"))
    assert (row.state, row.reason) == ("dead", "route_failed")


def test_a_route_without_expressions_never_reads_the_body() -> None:
    (row,) = deliver(event(b"[" * 100_000), route())
    assert (row.state, row.payload) == ("pending", None)


def test_a_transform_that_gives_null_is_sent_only_where_that_is_allowed() -> None:
    shaped, null = event({"order": {"id": 7}}), event({})
    strict = route(transform="order")
    assert deliver(shaped, strict)[0].payload == b'{"id":7}'
    (row,) = deliver(null, strict)
    assert (row.state, row.reason, row.finished_at) == ("dead", "transform_null", 1_000)
    (row,) = deliver(null, replace(strict, allow_null=True))
    assert (row.state, row.reason, row.payload) == ("pending", None, b"null")
    # Nothing else is null: neither what is empty nor the text.
    for empty in ("", [], {}, False, "null"):
        assert deliver(event({"order": empty}), strict)[0].state == "pending"


def test_a_transform_that_is_not_a_number_is_no_json() -> None:
    (row,) = deliver(event(b'{"a": NaN}'), route(transform="a"))
    assert row.reason == "route_failed"


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"c": "cus_1"}, "cus_1"),
        ({"c": 5}, "5"),
        ({"c": None}, None),
        ({}, None),
        ({"c": {"b": 1}}, '{"b":1}'),
        ({"c": ""}, ""),
    ],
)
def test_ordering_keys(body: object, key: str | None) -> None:
    assert deliver(event(body), route(key="c"))[0].ordering_key == key


def test_ordering_keys_that_no_column_can_hold_are_hashed_apart() -> None:
    keys = {deliver(event({"c": text}), route(key="c"))[0].ordering_key for text in ("a" * 500, "a" * 501, "b\0", "\n")}
    assert len(keys) == 4
    assert all(key is not None and key.startswith("sha256:") for key in keys)


def test_an_expression_that_is_not_jmespath_is_refused_with_its_name() -> None:
    with pytest.raises(InvalidInput, match="the filter is not valid JMESPath"):
        compile_expression("a ==", what="the filter")
