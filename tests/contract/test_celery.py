"""What the gateway rests on in Celery and Kombu: settings as Celery understands them, the form of messages, and the
places where more than the documented surface is used.
"""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from celery import Celery
from celery.app.defaults import DEFAULTS
from celery.utils import threads
from celery.worker import consumer as celerys
from kombu import Connection

from gateway.announcing.broker_settings import (
    DELIVERY_LIMIT,
    QUEUE_ARGUMENTS,
    SILENT_SECONDS,
    celery_settings,
    connection_options,
    transport_options,
)
from gateway.announcing.message import as_task, deliveries_message
from gateway.announcing.names import DELIVER, PING, RUN_JOB
from gateway.config import Settings
from gateway.engines.celery_engine.app import make_app
from gateway.engines.celery_engine.consumer import Consumer
from gateway.engines.celery_engine.process import WorkerProcess
from gateway.engines.kinds import KINDS
from gateway.errors import ConfigurationError

AMQP, REDIS = "amqp://guest:guest@127.0.0.1/", "redis://127.0.0.1:6379/3"


def app_for(broker_url: str) -> Celery:
    def opened() -> Any:
        raise AssertionError("nothing is opened")

    return make_app(lambda: Settings(broker_url=broker_url), WorkerProcess(opened))


@pytest.mark.parametrize("url", [AMQP, REDIS])
def test_the_settings_are_those_that_celery_works_by(url: str) -> None:
    conf = app_for(url).conf
    for name, value in celery_settings(url, KINDS).items():
        assert conf[name] == value, name
    assert conf.broker_url == url
    # Promises of ours that hang on Celery's defaults.
    assert not conf.task_acks_late
    assert not conf.task_reject_on_worker_lost
    assert conf.result_backend is None
    assert conf.broker_connection_max_retries is None
    assert conf.broker_connection_retry_on_startup
    assert not conf.worker_hijack_root_logger
    assert not conf.worker_direct
    assert conf.worker_enable_remote_control
    assert conf.worker_detect_quorum_queues
    assert set(conf.accept_content) == {"json"}
    assert conf.timezone == "UTC"


def test_every_setting_is_one_that_celery_knows() -> None:
    assert celery_settings(AMQP, ()).keys() - DEFAULTS.keys() == set()


def test_queues_are_quorum_queues_with_a_limit_that_is_said_aloud() -> None:
    queues = app_for(AMQP).amqp.queues
    assert list(queues) == ["deliveries", *(f"jobs.{kind}" for kind in KINDS)]
    queue = queues["deliveries"]
    assert queue.queue_arguments == QUEUE_ARGUMENTS
    assert QUEUE_ARGUMENTS["x-queue-type"] == "quorum"
    assert QUEUE_ARGUMENTS["x-delivery-limit"] == DELIVERY_LIMIT
    assert queue.exchange.name == ""
    assert app_for(REDIS).amqp.queues["deliveries"].queue_arguments is None


def test_a_queue_that_there_is_none_of_is_refused_and_not_made() -> None:
    with pytest.raises(KeyError):
        app_for(AMQP).amqp.queues.select("jobs.of.no.kind")


def test_a_connection_that_is_half_open_is_noticed_within_the_stated_time() -> None:
    assert 2 * app_for(AMQP).conf.broker_heartbeat <= SILENT_SECONDS
    options = transport_options(REDIS, publishes=False)
    with Connection(REDIS, transport_options=options) as connection:
        brpop_seconds = connection.transport.brpop_timeout
    assert brpop_seconds + 2 * options["health_check_interval"] <= SILENT_SECONDS
    assert options["socket_timeout"] > brpop_seconds


def test_everything_that_publishes_has_time_limits() -> None:
    amqp = connection_options(AMQP, publishes=True)
    assert amqp["connect_timeout"] < 10
    assert amqp["transport_options"]["confirm_publish"]
    assert 0 < amqp["transport_options"]["read_timeout"] < 10
    assert 0 < amqp["transport_options"]["write_timeout"] < 10
    redis = connection_options(REDIS, publishes=True)["transport_options"]
    assert 0 < redis["socket_timeout"] < 10
    assert 0 < redis["socket_connect_timeout"] < 10


def test_certificates_are_verified_and_names_compared() -> None:
    assert app_for("amqps://broker/").conf.broker_use_ssl == {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}
    assert app_for("rediss://broker/0").conf.broker_use_ssl == {
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
        "ssl_check_hostname": True,
    }
    assert not app_for(AMQP).conf.broker_use_ssl


def test_messages_have_the_form_that_celery_gives_them() -> None:
    app = app_for(AMQP)
    body, headers, properties = as_task(deliveries_message(["dlv_1"]), origin="here")
    theirs = app.amqp.as_task_v2(headers["id"], DELIVER, (), {"ids": ["dlv_1"]}, origin="here", ignore_result=True)
    differs = {"argsrepr", "kwargsrepr"}
    assert headers.keys() == theirs.headers.keys()
    assert {key for key in headers if headers[key] != theirs.headers[key]} <= differs
    assert [list(body[0]), *body[1:]] == [list(theirs.body[0]), *theirs.body[1:]]
    assert properties == theirs.properties


def test_the_tasks_are_those_that_are_announced() -> None:
    app = app_for(AMQP)
    assert {name for name in app.tasks if not name.startswith("celery.")} == {DELIVER, PING, RUN_JOB}


def test_without_a_broker_it_is_said_what_is_missing() -> None:
    with pytest.raises(ConfigurationError, match="GATEWAY_BROKER_URL is not set"):
        _ = app_for("").conf.broker_url


def test_what_is_used_beyond_the_documented_surface_is_there() -> None:
    assert callable(threads._open_broker_sockets)
    assert callable(threads.bound_open_broker_sockets)
    ours, theirs = Consumer.Blueprint.default_steps, celerys.Consumer.Blueprint.default_steps
    left_out = {"mingle:Mingle", "gossip:Gossip", "delayed_delivery:DelayedDelivery", "agent:Agent"}
    assert set(theirs) - set(ours) == {f"celery.worker.consumer.{one}" for one in left_out}
    assert set(ours) <= set(theirs)
    for name in ("on_unknown_message", "on_unknown_task", "on_invalid_task", "on_decode_error", "stop"):
        assert callable(getattr(celerys.Consumer, name))
