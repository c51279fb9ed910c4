"""The broker: whether it answers, and whether anybody reads what it is told."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.announcing.faults import BrokerAway
from gateway.announcing.publisher import MOST_IN_QUEUE, look_at_queue
from gateway.announcing.urls import shown
from gateway.config import Settings
from gateway.doctor.check import CheckResult, Level


def broker(settings: Settings) -> Iterator[CheckResult]:
    """Nothing where there is none. One that is away is no failure: workers find what is due by themselves."""
    if not settings.broker_url:
        return
    name = shown(settings.broker_url)
    try:
        waiting = look_at_queue(settings.broker_url)
    except BrokerAway as error:
        detail = (
            f"{name} is away: {error}. Webhooks are received and delivered all the same, up to "
            f"{settings.sweep_seconds} s later"
        )
        yield CheckResult("broker", Level.WARN, detail)
        return
    if waiting >= MOST_IN_QUEUE:
        detail = f"{name} has {waiting} messages that nobody reads: is a worker running? Nothing more is announced"
        yield CheckResult("broker", Level.WARN, detail)
    else:
        yield CheckResult("broker", Level.OK, f"{name} answers; {waiting} messages wait for workers")
