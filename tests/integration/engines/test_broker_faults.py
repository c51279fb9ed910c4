"""What happens to brokers, and to workers that listen to them: nothing is lost, nothing is done twice, and who was cut
off hears again.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from kombu import Connection
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from gateway.announcing.broker_settings import connection_options
from gateway.announcing.link import Link
from gateway.announcing.message import Message, deliveries_message
from gateway.announcing.names import DELIVER, DELIVERIES
from tests.integration.engines.conftest import Fleet
from tests.services.brokers import emptied
from tests.services.gateway_process import Program
from tests.services.relay import Relay
from tests.services.waiting import until

pytestmark = [
    pytest.mark.parametrize("engine", ["rabbitmq", "redis"], indirect=True),
    pytest.mark.faults,
]


@pytest.fixture(scope="module")
def relay(fleet: Fleet) -> Relay:
    assert fleet.relay is not None
    return fleet.relay


@pytest.fixture(scope="module")
def listening(fleet: Fleet) -> Program:
    """A worker that finds nothing by itself: what it delivers it was told of."""
    with setting(fleet, "GATEWAY_SWEEP_SECONDS", "60"):
        return fleet.worker(name="listening")


@pytest.fixture(scope="module")
def ear(fleet: Fleet, listening: Program) -> str:
    """A destination that was there before, for deliveries that show whether the worker hears: a change of configuration
    makes it look by itself.
    """
    destination = fleet.destination("ear")
    wait_until_it_hears(fleet, destination)
    return destination


@contextmanager
def setting(fleet: Fleet, name: str, value: str) -> Iterator[None]:
    before = fleet.processes.environment[name]
    fleet.processes.environment[name] = value
    yield
    fleet.processes.environment[name] = before


@contextmanager
def link_to(fleet: Fleet) -> Iterator[Link]:
    with closing(Link(fleet.ours.settings.broker_url, origin="test")) as link:
        yield link


def wait_until_it_hears(fleet: Fleet, destination: str) -> None:
    """Wait until what is announced, again and again, is delivered by who finds nothing by itself."""
    ids = fleet.add(destination)

    def is_heard() -> bool:
        fleet.ours.announcements.deliveries(ids)
        return fleet.states(ids) == {"delivered"}

    until(
        is_heard,
        lambda: (fleet.states(ids), fleet.ours.announcements.publisher),
        timeout_seconds=120,
        every_seconds=0.5,
    )


def raw(fleet: Fleet, body: bytes, headers: dict[str, Any], content_type: str = "application/json") -> None:
    """Put a message into the queue that is none of ours."""
    url = fleet.ours.settings.broker_url
    with Connection(url, **connection_options(url, publishes=True)) as connection:
        connection.Producer().publish(
            body,
            exchange="",
            routing_key=DELIVERIES,
            headers=headers,
            content_type=content_type,
            content_encoding="utf-8",
        )


def test_what_is_announced_is_delivered_soon(fleet: Fleet, listening: Program) -> None:
    ids = fleet.add(fleet.destination("told"), 250)
    fleet.wait_until(ids)
    assert Counter(fleet.tries(ids)) == Counter((id_, "1") for id_ in ids)


def test_doubled_tripled_and_late_messages_do_nothing(fleet: Fleet, ear: str) -> None:
    destination = fleet.destination("doubled")
    ids = fleet.add(destination, 50)
    with link_to(fleet) as link:
        for _ in range(3):
            link.publish(deliveries_message(ids))
        fleet.wait_until(ids)
        # Of what is done, of what never was, and of nothing at all.
        for late in (ids, ["dlv_never_there"], []):
            link.publish(deliveries_message(late))
    wait_until_it_hears(fleet, ear)
    assert Counter(fleet.tries(ids)) == Counter((id_, "1") for id_ in ids)


def test_messages_of_other_versions_are_understood_as_far_as_they_go(fleet: Fleet, listening: Program) -> None:
    destination = fleet.destination("versions")
    ids = fleet.add(destination, 5, announces=False)
    with link_to(fleet) as link:
        link.publish(Message(DELIVERIES, DELIVER, {"hints": [1, 2]}))
        link.publish(Message(DELIVERIES, DELIVER, {"ids": ids, "version": 9, "places": {"a": 1}}))
    fleet.wait_until(ids)


def test_poison_is_dropped_with_a_line_and_what_follows_is_read(fleet: Fleet, listening: Program, ear: str) -> None:
    task = {"lang": "py", "id": "1", "task": DELIVER, "root_id": "1", "retries": 0, "timelimit": [None, None]}
    poison: list[tuple[bytes, dict[str, Any]]] = [
        (b"[[], {}, {}]", task | {"task": "somebody.elses", "id": "2"}),
        (b"{not json", task | {"id": "3"}),
        (b'[[], {"ids": "no list"}, {}]', task | {"id": "4"}),
        (b'[[], {"ids": [' + b'"dlv_x",' * 1_250_000 + b'"dlv_x"]}, {}]', task | {"id": "5"}),
        (b'"neither"', {}),
        (b"[[1, 2], {}, {}]", task | {"id": "6"}),
    ]
    for body, headers in poison:
        raw(fleet, body, headers)
    raw(fleet, b"\xff\xfe", task | {"id": "7"}, content_type="application/x-python-serialize")
    wait_until_it_hears(fleet, ear)
    assert listening.process.poll() is None
    until(lambda: listening.log().count("a message was dropped") >= 3, listening.log)
    assert "dlv_xdlv_x" not in listening.log()


def test_it_starts_without_a_broker_and_delivers(fleet: Fleet, relay: Relay, ear: str) -> None:
    destination = fleet.destination("alone")
    relay.refuse()
    worker = fleet.worker(name="alone")
    began = time.monotonic()
    ids = fleet.add(destination, 20)
    assert time.monotonic() - began < 20
    fleet.wait_until(ids)
    relay.heal()
    worker.terminate()
    assert worker.wait() == 0, worker.log()
    wait_until_it_hears(fleet, ear)


def test_while_it_is_away_deliveries_go_on_and_nothing_is_doubled(fleet: Fleet, relay: Relay, ear: str) -> None:
    destination = fleet.destination("interrupted")
    worker = fleet.worker(name="sweeping")
    ids = fleet.add(destination, 50)
    relay.refuse()
    ids += fleet.add(destination, 50)
    fleet.wait_until(ids)
    relay.heal()
    ids += fleet.add(destination, 50)
    fleet.wait_until(ids)
    worker.terminate()
    assert worker.wait() == 0, worker.log()
    assert Counter(fleet.tries(ids)) == Counter((id_, "1") for id_ in ids)
    wait_until_it_hears(fleet, ear)


def test_what_was_told_to_a_broker_that_was_emptied_is_found(fleet: Fleet, ear: str) -> None:
    destination = fleet.destination("emptied")
    emptied(fleet.ours.settings.broker_url)
    ids = fleet.add(destination, 200)
    emptied(fleet.ours.settings.broker_url)
    worker = fleet.worker(name="finding")
    fleet.wait_until(ids)
    worker.terminate()
    assert worker.wait() == 0, worker.log()
    wait_until_it_hears(fleet, ear)


def test_it_hears_again_after_it_was_cut_off_five_times(fleet: Fleet, relay: Relay, ear: str) -> None:
    for _ in range(5):
        seen = relay.connections
        relay.cut()
        until(lambda: relay.connections > seen, "somebody comes back")  # noqa: B023
    wait_until_it_hears(fleet, ear)


def test_it_hears_again_after_its_connection_fell_silent(fleet: Fleet, relay: Relay, ear: str) -> None:
    """Which is noticed by heartbeats, or by health checks: within 30 s."""
    relay.freeze()
    relay.heal()
    wait_until_it_hears(fleet, ear)


def test_told_to_end_while_the_broker_is_silent_it_ends(
    fleet: Fleet, relay: Relay, listening: Program, ear: str
) -> None:
    wait_until_it_hears(fleet, ear)
    relay.freeze()
    began = time.monotonic()
    listening.terminate()
    assert listening.wait() == 0, listening.log()
    assert time.monotonic() - began < 30
    relay.heal()


def test_what_came_of_it_is_counted(fleet: Fleet) -> None:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(fleet.processes.directory / "metrics"))
    counted = generate_latest(registry).decode()
    (stale,) = re.findall(r"^gateway_announcements_stale_total (\S+)", counted, re.MULTILINE)
    assert float(stale) > 0
    refused = re.findall(r'^gateway_announcements_refused_total\{reason="(\w+)"\} (\S+)', counted, re.MULTILINE)
    assert {reason for reason, count in refused if float(count) > 0} >= {"unknown_task", "invalid", "no_task"}
