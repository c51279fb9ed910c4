"""Telling real brokers: what is announced is in their queues, whatever happened to them meanwhile."""

from __future__ import annotations

import json
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from kombu import Connection
from redis import Redis

from gateway.announcing.broker_settings import (
    ANSWER_SECONDS,
    MESSAGE_TTL_MS,
    MOST_MESSAGES,
    REDIS_PREFIX,
    connection_options,
)
from gateway.announcing.faults import BrokerAway
from gateway.announcing.link import Link
from gateway.announcing.message import deliveries_message, job_message
from gateway.announcing.names import DELIVER, DELIVERIES
from gateway.announcing.publisher import Publisher, broker_publisher
from gateway.announcing.urls import shown
from gateway.clock import SystemClock
from tests.services.brokers import emptied
from tests.services.postgres import free_port
from tests.services.relay import Relay, relay_to
from tests.services.waiting import until

Connecting = Callable[[str], Publisher]


@pytest.fixture
def publishing() -> Iterator[Connecting]:
    made: list[Publisher] = []

    def connect(url: str) -> Publisher:
        made.append(broker_publisher(url, SystemClock(), origin="test", dropped=lambda _reason, _count: None))
        return made[-1]

    yield connect
    for one in made:
        one.close()


def taken(url: str, queue: str = DELIVERIES) -> list[Any]:
    """The messages of the queue, which are there no longer then."""
    found = []
    with Connection(url, **connection_options(url, publishes=True)) as connection:
        channel = connection.default_channel
        while (message := channel.basic_get(queue, no_ack=True)) is not None:
            found.append(message)
    return found


def ids_of(messages: list[Any]) -> list[str]:
    return [id_ for message in messages for id_ in json.loads(message.body)[1]["ids"]]


def test_a_message_says_what_is_due_and_no_more(broker_url: str) -> None:
    with closing(Link(broker_url, origin="web-1@host")) as link:
        link.publish(deliveries_message(["dlv_1", "dlv_2"]))
        link.publish(job_message("events.replay", "job_1"))
        until(lambda: link.waiting(DELIVERIES) == 1, "it is counted")
    (message,) = taken(broker_url)
    assert message.headers["task"] == DELIVER
    assert message.headers["origin"] == "web-1@host"
    assert json.loads(message.body)[:2] == [[], {"ids": ["dlv_1", "dlv_2"]}]
    (job,) = taken(broker_url, "jobs.events.replay")
    assert json.loads(job.body)[1] == {"kind": "events.replay", "id": "job_1"}


def test_a_queue_that_nobody_reads_is_bounded_in_redis_too(redis_url: str) -> None:
    key = f"{REDIS_PREFIX}jobs.events.replay"
    with closing(Redis.from_url(redis_url)) as redis, closing(Link(redis_url, origin="test")) as link:
        redis.delete(key)
        redis.lpush(key, *[f"old {number}" for number in range(MOST_MESSAGES)])
        for number in range(3):
            link.publish(job_message("events.replay", f"job_{number}"))
        assert link.waiting("jobs.events.replay") == redis.llen(key) == MOST_MESSAGES
        # The newest are there, the oldest are not, and all go when nothing comes any more.
        assert b"job_2" in b64decode(json.loads(redis.lrange(key, 0, 0)[0])["body"])
        assert redis.lrange(key, -1, -1) == [b"old 3"]
        assert 0 < redis.pttl(key) <= MESSAGE_TTL_MS
        redis.delete(key)


def test_a_queue_that_was_deleted_is_made_again(broker_url: str) -> None:
    with closing(Link(broker_url, origin="test")) as link:
        link.publish(deliveries_message(["dlv_1"]))
        emptied(broker_url)
        assert link.waiting(DELIVERIES) == 0
        link.publish(deliveries_message(["dlv_2"]))
    assert ids_of(taken(broker_url)) == ["dlv_2"]


def test_it_comes_back_by_itself_after_the_broker_was_away(broker_url: str, publishing: Connecting) -> None:
    with relay_to(broker_url) as relay:
        publisher = publishing(relay.before(broker_url))
        publisher.deliveries(["dlv_1"])
        with closing(Link(broker_url, origin="test")) as link:
            until(lambda: link.waiting(DELIVERIES) == 1, "told")
        relay.refuse()
        until(lambda: publisher.state.error, lambda: publisher.state)
        publisher.deliveries(["dlv_2"])
        relay.heal()
        until(lambda: publisher.state.is_connected, lambda: publisher.state)
        publisher.deliveries(["dlv_3"])
        publisher.close()
    assert ids_of(taken(broker_url)) == ["dlv_1", "dlv_3"]


def test_a_connection_that_fell_silent_is_given_up(broker_url: str) -> None:
    with relay_to(broker_url) as relay, closing(Link(relay.before(broker_url), origin="test")) as link:
        link.publish(deliveries_message(["dlv_1"]))
        relay.freeze()
        began = time.monotonic()
        with pytest.raises(BrokerAway):
            link.publish(deliveries_message(["dlv_2"]))
        assert time.monotonic() - began < 4 * ANSWER_SECONDS


def test_who_announces_hears_nothing_of_a_broker_that_is_not_there(publishing: Connecting) -> None:
    publisher = publishing(f"redis://:geheim@127.0.0.1:{free_port()}/0")
    began = time.monotonic()
    publisher.deliveries(["dlv_1"])
    assert time.monotonic() - began < 1
    error = until(lambda: publisher.state.error, lambda: publisher.state)
    assert error is not None
    assert "geheim" not in error


@pytest.mark.parametrize("broker_url", ["rabbitmq"], indirect=True)
def test_a_password_is_never_shown(broker_url: str, caplog: pytest.LogCaptureFixture, publishing: Connecting) -> None:
    wrong = broker_url.replace("guest:guest", "guest:s%40cret")
    publisher = publishing(wrong)
    error = until(lambda: publisher.state.error, lambda: publisher.state)
    told = f"{error} {caplog.text} {publisher!r} {shown(wrong)}"
    assert "s%40cret" not in told
    assert "s@cret" not in told


def test_an_address_is_shown_without_who_may_use_it() -> None:
    assert shown("amqp://me:secret@broker.internal:5671/vhost") == "amqp://broker.internal:5671/vhost"
    assert shown("redis://:secret@[::1]:6379/2;redis://:secret@other/2") == "redis://[::1]:6379/2;redis://other/2"


def test_an_address_that_cannot_be_used_is_a_broker_that_is_away() -> None:
    with pytest.raises(BrokerAway):
        Link("redis://127.0.0.1/0?heartbeat=abc", origin="test")


def test_a_relay_passes_on_nothing_while_it_refuses(redis_url: str) -> None:
    """Of the tool itself: what is cut is cut."""
    with relay_to(redis_url) as relay:
        assert isinstance(relay, Relay)
        relay.refuse()
        with pytest.raises(BrokerAway):
            Link(relay.before(redis_url), origin="test")
        relay.heal()
        Link(relay.before(redis_url), origin="test").close()
