"""The queues as the broker's client declares them."""

from __future__ import annotations

from kombu import Exchange, Queue

from gateway.announcing.broker_settings import queue_arguments


def declared_queue(name: str, broker_url: str) -> Queue:
    """A queue on the default exchange, to which messages go by its name: nothing is bound, and nothing is left over."""
    return Queue(name, Exchange(""), routing_key=name, queue_arguments=queue_arguments(broker_url))
