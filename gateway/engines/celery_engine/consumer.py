"""Celery's consumer with what we leave out of it, and with one line for a message that nobody can make anything of."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from celery.utils.threads import bound_open_broker_sockets
from celery.worker import consumer as celerys
from kombu.exceptions import MessageStateError

from gateway.engines.celery_engine.process import process_of
from gateway.telemetry.logging import get_logger

# How long a broker that keeps silent holds up the end of this process.
LAST_ANSWER_SECONDS = 0.5

_log = get_logger(__name__)


class Consumer(celerys.Consumer):  # type: ignore[misc]
    """No gossip and no synchronising at the start: hundreds of workers that start together would wait for each other.
    Nothing for delayed messages, which would take 28 queues: there are none.
    """

    class Blueprint(celerys.Consumer.Blueprint):  # type: ignore[misc]
        """What a connection goes through."""

        default_steps = (
            "celery.worker.consumer.connection:Connection",
            "celery.worker.consumer.events:Events",
            "celery.worker.consumer.heart:Heart",
            "celery.worker.consumer.control:Control",
            "celery.worker.consumer.tasks:Tasks",
            "celery.worker.consumer.consumer:Evloop",
        )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **(options | {"without_gossip": True, "without_mingle": True}))

    def stop(self) -> None:
        """As Celery's, which would wait for a silent broker for ever."""
        self._bound_waits()
        super().stop()

    def on_connection_error_after_connected(self, error: Exception) -> None:
        """As Celery's, which bounds its waits for the one connection, and not for that of its events."""
        self._bound_waits()
        super().on_connection_error_after_connected(error)

    def _bound_waits(self) -> None:
        for one in (self.connection, getattr(self.event_dispatcher, "connection", None)):
            if one is not None:
                bound_open_broker_sockets(one, LAST_ANSWER_SECONDS)

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Any], None]:
        """As Celery's, which takes what it cannot read for a lost connection or a defect, and reads it again."""
        handle = super().create_task_handler(*arguments, **options)
        # Kombu counts KeyError among Redis's: here it is a message that says nothing under that key.
        lost = tuple(error for error in self.connection_errors if error is not KeyError)
        lost += self.connection.channel_errors

        def on_message(message: Any) -> None:
            try:
                handle(message)
            except lost:
                raise
            except Exception:
                self._refuse("invalid", message)

        return on_message

    def call_soon_ack(self, acknowledge: Callable[..., None], *arguments: Any) -> Any:
        """As Celery's; what was refused meanwhile has been acknowledged by that."""

        def unless_done() -> None:
            with suppress(MessageStateError):
                acknowledge(*arguments)

        return super().call_soon_ack(unless_done)

    def on_unknown_message(self, _body: Any, message: Any) -> None:
        """It is no task."""
        self._refuse("no_task", message)

    def on_unknown_task(self, _body: Any, message: Any, _error: Exception) -> None:
        """It is a task, and none of ours."""
        self._refuse("unknown_task", message)

    def on_invalid_task(self, _body: Any, message: Any, _error: Exception) -> None:
        """It is a task of ours, and not whole."""
        self._refuse("invalid", message)

    def on_decode_error(self, message: Any, _error: Exception) -> None:
        """Its body is not what its headers say."""
        self._refuse("undecodable", message)

    def _refuse(self, reason: str, message: Any) -> None:
        process_of(self.app).refuse(reason)
        headers = message.headers if isinstance(message.headers, dict) else {}
        _log.warning(
            "a message was dropped: nobody here can make anything of it",
            reason=reason,
            queue=message.delivery_info.get("routing_key"),
            task=str(headers.get("task"))[:100],
            bytes=len(message.body or b""),
        )
        if not message.acknowledged:
            message.ack_log_error(_log, self.connection_errors)
