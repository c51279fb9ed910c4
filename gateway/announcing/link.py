"""A connection to the broker on which one publishes: each call ends within a few seconds, or raises `BrokerAway`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from kombu import Connection, Producer

from gateway.announcing.broker_settings import ANSWER_SECONDS, connection_options, is_redis, queue_arguments
from gateway.announcing.faults import BrokerAway
from gateway.announcing.message import SERIALIZER, Message, as_task
from gateway.announcing.urls import without_passwords
from gateway.deferred import deferred

# Redis's client, for those who have one.
_redis_bounds = deferred("gateway.announcing.redis_bounds")


class Link:
    """Connected once made; for one thread. `origin` names this process in messages. Raises `BrokerAway`."""

    def __init__(self, broker_url: str, *, origin: str) -> None:
        self._url = broker_url
        self._origin = origin
        self._arguments = queue_arguments(broker_url)
        self._declared: set[str] = set()
        with self._translated():
            self._connection = Connection(broker_url, **connection_options(broker_url, publishes=True))
            self._connection.ensure_connection(
                max_retries=1, interval_start=0, interval_step=0, reraise_as_library_errors=False
            )
            self._channel = self._connection.channel()
            self._producer = Producer(self._channel, serializer=SERIALIZER)
            self._bounds = _redis_bounds.RedisBounds(self._channel) if is_redis(broker_url) else None

    def publish(self, message: Message) -> None:
        """Hand `message` to the broker, which says that it has it."""
        body, headers, properties = as_task(message, origin=self._origin)
        with self._translated():
            if message.queue not in self._declared:
                self._declare(message.queue)
            self._producer.publish(
                body,
                exchange="",
                routing_key=message.queue,
                headers=headers,
                retry=False,
                timeout=ANSWER_SECONDS,
                confirm_timeout=ANSWER_SECONDS,
                **properties,
            )
            if self._bounds is not None:
                self._bounds.keep(message.queue)

    def waiting(self, queue: str) -> int:
        """How many messages wait in `queue`; asked of the broker, which so shows that it answers."""
        with self._translated():
            if self._connection.supports_heartbeats:
                self._connection.heartbeat_check()
            return self._declare(queue)

    def close(self) -> None:
        """Let go of the connection, whatever state it is in. Idempotent."""
        with suppress(Exception):
            self._connection.collect(socket_timeout=1)

    def _declare(self, queue: str) -> int:
        # Made again where somebody has deleted it.
        found = self._channel.queue_declare(queue, durable=True, auto_delete=False, arguments=self._arguments)
        self._declared.add(queue)
        return int(found.message_count)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            # Of these libraries anything is to be expected when a connection breaks; none of it is worth more than
            # another connection.
            self.close()
            raise BrokerAway(without_passwords(f"{type(error).__name__}: {error}", self._url)) from None
