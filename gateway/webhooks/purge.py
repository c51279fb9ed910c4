"""Forgetting what is older than the retention, of every tenant: events with what hangs on them, and rejections.
Signed texts that sources accept once stay until they expire, which is later, and whatever the retention.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

from gateway.delivery.retention import purge_events
from gateway.errors import InvalidInput
from gateway.installation import Installation
from gateway.tenants.acting import act_for_system
from gateway.tenants.audit import Actor
from gateway.webhooks.proofs.retention import purge_proofs
from gateway.webhooks.rejections.retention import purge_rejections


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What is gone so far. `kept` counts old events that stay because a delivery of theirs is not finished."""

    events: int = 0
    deliveries: int = 0
    attempts: int = 0
    kept: int = 0
    rejections: int = 0
    proofs: int = 0


def purge(installation: Installation, *, actor: Actor, older_than: timedelta | None = None) -> Iterator[Forgotten]:
    """Forget events older than `older_than` (None: the retention of the settings), rejections after 7 days, and what
    has expired of the proofs that were accepted.

    In short transactions, beside a running gateway; after each comes how far it is, the last value is the whole. May be
    stopped between two values and started again. Raises `InvalidInput`, `StorageUnavailable`.
    """
    kept_for = timedelta(days=installation.settings.retention_days) if older_than is None else older_than
    if kept_for < timedelta(0):
        raise InvalidInput.at("older_than", "out_of_range", "the age must not be negative")
    return _purge(installation, actor, kept_for)


def _purge(installation: Installation, actor: Actor, kept_for: timedelta) -> Iterator[Forgotten]:
    database, now = installation.database, installation.now()
    total = Forgotten()
    for step in purge_events(database, before=now - kept_for):
        total = replace(
            total,
            events=total.events + step.events,
            deliveries=total.deliveries + step.deliveries,
            attempts=total.attempts + step.attempts,
            kept=total.kept + step.kept,
        )
        yield total
    for count in purge_rejections(database, now=now):
        total = replace(total, rejections=total.rejections + count)
        yield total
    for count in purge_proofs(database, now=now):
        total = replace(total, proofs=total.proofs + count)
        yield total
    if replace(total, kept=0) != Forgotten():
        with act_for_system(installation, actor=actor, write=True) as acting:
            acting.audit("events.purged", "", after=asdict(total))
    yield total
