"""All settings of Celery and of the connections to the broker, as data: for the engine and for those who announce.

What they rest on: messages are hints, and the lease in the database decides. So they are acknowledged when they are
read, never sent again, and have no results; a connection that nobody answers on is given up within `SILENT_SECONDS`.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from gateway.announcing.message import SERIALIZER
from gateway.announcing.names import DELIVER, DELIVERIES, PING, queue_of_jobs
from gateway.deferred import deferred

# Kombu is loaded by those who have a broker.
_queues = deferred("gateway.announcing.queues")

REDIS_PREFIX = "gateway:"
"""Of all keys in Redis, so that other applications may share its database."""

# AMQP closes after two heartbeats without an answer; Redis is asked every so often, and two answers may be missing.
AMQP_HEARTBEAT_SECONDS = 10
REDIS_HEALTH_SECONDS = 5
SILENT_SECONDS = 30.0
CONNECT_SECONDS = 4.0
ANSWER_SECONDS = 5.0

# A hint that is older was found by a sweeper long ago.
MESSAGE_TTL_MS = 600_000
MOST_MESSAGES = 10_000

# Said aloud, because RabbitMQ 4 has one that drops without a word, and RabbitMQ 3 has none. What is acknowledged when
# it is read comes again only after a crash in that very moment.
DELIVERY_LIMIT = 5
QUEUE_ARGUMENTS = {
    "x-queue-type": "quorum",
    "x-delivery-limit": DELIVERY_LIMIT,
    "x-message-ttl": MESSAGE_TTL_MS,
    "x-max-length": MOST_MESSAGES,
}


def is_redis(broker_url: str) -> bool:
    """Whether it is Redis, and not RabbitMQ."""
    return broker_url.startswith(("redis://", "rediss://"))


def queue_arguments(broker_url: str) -> dict[str, Any] | None:
    """How queues are declared, by everybody alike."""
    return None if is_redis(broker_url) else dict(QUEUE_ARGUMENTS)


def connection_options(broker_url: str, *, publishes: bool) -> dict[str, Any]:
    """How one connects to the broker, for Kombu's `Connection`. Who publishes waits for answers, but never for long."""
    return {
        "connect_timeout": CONNECT_SECONDS,
        "heartbeat": 0 if is_redis(broker_url) else AMQP_HEARTBEAT_SECONDS,
        "ssl": _tls(broker_url),
        "transport_options": transport_options(broker_url, publishes=publishes),
    }


def transport_options(broker_url: str, *, publishes: bool) -> dict[str, Any]:
    """What the transport is told beyond the address."""
    if is_redis(broker_url):
        return {
            "global_keyprefix": REDIS_PREFIX,
            "socket_connect_timeout": CONNECT_SECONDS,
            "socket_timeout": ANSWER_SECONDS,
            "socket_keepalive": True,
            "health_check_interval": REDIS_HEALTH_SECONDS,
            # Of messages that were read and not acknowledged, which takes no time here.
            "visibility_timeout": 60,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
        }
    if publishes:
        return {"confirm_publish": True, "read_timeout": ANSWER_SECONDS, "write_timeout": ANSWER_SECONDS}
    # A worker reads all the time, and notices silence by its heartbeats, unless it waits for something else: what it
    # sends are answers and events, and none is worth waiting for a confirmation.
    return {"confirm_publish": False, "write_timeout": ANSWER_SECONDS}


def celery_settings(broker_url: str, kinds: Iterable[str]) -> dict[str, Any]:
    """The configuration of the Celery application, for the job kinds that there are."""
    return {
        "broker_url": broker_url,
        "broker_transport_options": transport_options(broker_url, publishes=False),
        "broker_use_ssl": _tls(broker_url),
        "broker_connection_timeout": CONNECT_SECONDS,
        "broker_heartbeat": AMQP_HEARTBEAT_SECONDS,
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        # For ever: else a worker would end after a long time without its broker.
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,
        "accept_content": [SERIALIZER],
        "task_serializer": SERIALIZER,
        "timezone": "UTC",
        "result_backend": None,
        "task_ignore_result": True,
        "task_acks_late": False,
        "task_reject_on_worker_lost": False,
        "task_queues": [_queues.declared_queue(name, broker_url) for name in (DELIVERIES, *map(queue_of_jobs, kinds))],
        "task_routes": {DELIVER: {"queue": DELIVERIES}, PING: {"queue": DELIVERIES}},
        "task_default_queue": DELIVERIES,
        "task_default_exchange": "",
        "task_default_routing_key": DELIVERIES,
        "task_create_missing_queues": False,
        # Tasks hand over ids to what does the work in this process: any other pool would hand them to nobody.
        "worker_pool": "solo",
        # Jobs at once in this process; deliveries are not counted.
        "worker_concurrency": 4,
        "worker_prefetch_multiplier": 16,
        "worker_consumer": "gateway.engines.celery_engine.consumer:Consumer",
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_enable_prefetch_count_reduction": False,
        "worker_cancel_long_running_tasks_on_connection_loss": True,
    }


def _tls(broker_url: str) -> dict[str, Any] | bool:
    """Certificates are verified against the system's authorities, and names are compared: by themselves the libraries
    do one or neither.
    """
    scheme = urlsplit(broker_url).scheme
    if scheme == "amqps":
        return {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}
    if scheme == "rediss":
        return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    return False
