"""Bounds of a queue in Redis, where a queue is a list that grows for as long as nobody reads it.

They are those of RabbitMQ's queues: so many messages, of which the oldest go first, and so long without a new one.
"""

from __future__ import annotations

from typing import Any

from redis import Redis

from gateway.announcing.broker_settings import MESSAGE_TTL_MS, MOST_MESSAGES, REDIS_PREFIX


class RedisBounds:
    """By the connections of a Kombu channel, and like it for one thread. What goes wrong raises what Redis raises."""

    def __init__(self, channel: Any) -> None:
        # Not the channel's own client: that puts the prefix before the keys of those commands that Kombu uses.
        self._client = Redis(connection_pool=channel.pool)

    def keep(self, queue: str) -> None:
        """Bound `queue`, into which a message was put just now. One that dies before this leaves it to the next."""
        key = f"{REDIS_PREFIX}{queue}"
        with self._client.pipeline(transaction=False) as commands:
            # New messages come in at the head.
            commands.ltrim(key, 0, MOST_MESSAGES - 1)
            commands.pexpire(key, MESSAGE_TTL_MS)
            commands.execute()
