"""Many items against a system that takes several a call, and not all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from gateway.clients.batching import ItemOutcome, in_batches, matched
from gateway.clients.client import ApiClient
from gateway.clients.errors import RemoteConflict, Unavailable
from gateway.clients.retries import NO_RETRIES
from tests.integration.clients.conftest import MakeClient
from tests.services.fault_server import FaultServer


def _sending(client: ApiClient, **query: Any) -> Any:
    def send(some: Sequence[int]) -> list[Any]:
        found = client.json("POST", "/items", json=list(some), query=query)
        told = matched(some, found, item_key=lambda one: one, result_key=lambda one: one["of"])
        return [RemoteConflict("not this one") if isinstance(one, dict) and not one["ok"] else one for one in told]

    return send


def _told(outcomes: Sequence[ItemOutcome[int, Any]]) -> list[tuple[int, str | None]]:
    return [(one.item, one.error.code if one.error is not None else None) for one in outcomes]


def test_outcomes_come_in_order_and_items_fail_alone(make_client: MakeClient, server: FaultServer) -> None:
    numbers = [1, 2, 10, 11, 13, 14, 20]

    outcomes = list(in_batches(numbers, _sending(make_client()), max_items=3, on_refusal="isolate"))

    failed = {10: "remote_conflict", 13: "request_refused", 20: "remote_conflict"}
    assert _told(outcomes) == [(number, failed.get(number)) for number in numbers]
    assert [one.index for one in outcomes] == list(range(7))
    sent = [orjson.loads(one.body) for one in server.heard]
    assert sent == [[1, 2, 10], [11, 13, 14], [11], [13, 14], [13], [14], [20]]


def test_calls_that_are_too_large_are_divided(make_client: MakeClient, server: FaultServer) -> None:
    outcomes = list(in_batches(range(101, 117), _sending(make_client(), bytes=20), max_items=16))

    assert _told(outcomes) == [(n, None if n % 10 else "remote_conflict") for n in range(101, 117)]
    assert max(len(one.body) for one in server.heard[2:]) <= 33


def test_one_goes_on_after_the_system_was_away(make_client: MakeClient, server: FaultServer) -> None:
    send = _sending(make_client(retries=NO_RETRIES))
    outcomes = in_batches([1, 2, 3, 4, 7, 8], send, max_items=2)
    done = [next(outcomes) for _ in range(4)]
    with pytest.raises(Unavailable) as caught:
        next(outcomes)
    rest = list(in_batches([1, 2, 3, 4, 5, 8], send, max_items=2, start=done[-1].index + 1))

    assert caught.value.call.may_have_happened
    assert _told(done) == [(number, None) for number in (1, 2, 3, 4)]
    assert _told(rest) == [(5, None), (8, None)]
    assert [orjson.loads(one.body) for one in server.heard] == [[1, 2], [3, 4], [7, 8], [5, 8]]
