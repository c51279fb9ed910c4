"""Forgetting what is older than the retention, or than somebody says: events with what hangs on them, and rejections.
Signed texts that sources accept once stay until they expire, which is later, and whatever the retention.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import timedelta

from sqlalchemy import select

from gateway.clock import to_us
from gateway.delivery.forgetting.by_source import count_by_source, purge_by_source
from gateway.delivery.retention import Cutoff, Purged, count_events, purge_events
from gateway.errors import Hint, InvalidInput
from gateway.events.blocks.retention import purge_blocks
from gateway.installation import Installation
from gateway.jobs.retention import purge_jobs
from gateway.tenants.acting import act_for_system
from gateway.tenants.audit import Actor
from gateway.tenants.directory import find_tenant
from gateway.tenants.idempotency.retention import count_requests, purge_requests
from gateway.tenants.models import Tenant
from gateway.webhooks.proofs.retention import count_proofs, purge_proofs
from gateway.webhooks.rejections.retention import count_rejections, purge_rejections
from gateway.webhooks.sources.retention import own_retentions

YOUNGEST = timedelta(hours=1)
"""What is younger is forgotten by force only: it may be on its way still, or somebody is looking at it."""


@dataclass(frozen=True, slots=True)
class PurgeRequest:
    """What to forget, as somebody asks for it: events older than `older_than` (None: the retention of the settings).

    Those with a dead letter stay until the retention is over, unless `dead_letters`. `tenant` is a slug, None for every
    tenant; `force` allows for an age below `YOUNGEST`.
    """

    older_than: timedelta | None = None
    dead_letters: bool = False
    tenant: str | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What is gone, or is to go. `kept` counts old events that stay because a delivery of theirs is not finished,
    `kept_dead` those that stay because one is dead.
    """

    events: int = 0
    deliveries: int = 0
    attempts: int = 0
    kept: int = 0
    kept_dead: int = 0
    rejections: int = 0
    proofs: int = 0
    requests: int = 0

    def __add__(self, other: Forgotten) -> Forgotten:
        return Forgotten(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))

    @property
    def is_anything(self) -> bool:
        """Whether something goes at all."""
        return replace(self, kept=0, kept_dead=0) != Forgotten()


@dataclass(frozen=True, slots=True)
class PurgePlan:
    """What would go: `tenants` has it by the tenant's slug; proofs and requests are told together."""

    tenants: Mapping[str, Forgotten] = field(default_factory=dict)
    proofs: int = 0
    requests: int = 0

    @property
    def total(self) -> Forgotten:
        """All of it."""
        return sum(self.tenants.values(), Forgotten(proofs=self.proofs, requests=self.requests))


def cutoff_of(installation: Installation, request: PurgeRequest) -> Cutoff:
    """What is old by `request`, now. Raises `InvalidInput`, `NotFound` (tenant), `StorageUnavailable`."""
    retention = timedelta(days=installation.settings.retention_days)
    kept_for = retention if request.older_than is None else request.older_than
    if kept_for < timedelta(0):
        raise InvalidInput.at("older_than", "out_of_range", "the age must not be negative")
    if kept_for < YOUNGEST and not request.force:
        message = "an age of less than an hour would forget what is coming in just now"
        raise InvalidInput.at("older_than", "out_of_range", message, Hint("force_purge"))
    tenant_id = None
    if request.tenant is not None:
        with installation.database.system_session() as session:
            tenant_id = find_tenant(session, request.tenant).id
    now = installation.now()
    dead_kept_for = kept_for if request.dead_letters else max(kept_for, retention)
    with installation.database.system_session() as session:
        own = own_retentions(session, now, tenant_id=tenant_id)
    return Cutoff(now - kept_for, now - dead_kept_for, tenant_id, own)


def plan_purge(installation: Installation, cutoff: Cutoff) -> Iterator[PurgePlan]:
    """What `purge` would forget; in short transactions. After each comes what is counted so far, the last value is the
    whole. Raises `StorageUnavailable`.
    """
    database, now = installation.database, installation.now()
    with database.system_session() as session:
        slugs = dict(iter(session.execute(select(Tenant.id, Tenant.slug))))
    counted: dict[str, Forgotten] = defaultdict(Forgotten)
    for step in count_events(database, cutoff):
        for tenant_id, found in step.items():
            counted[slugs.get(tenant_id, tenant_id)] += _forgotten(found)
        yield PurgePlan(counted)
    for tenant_id, one in count_by_source(database, cutoff):
        counted[slugs.get(tenant_id, tenant_id)] += _forgotten(one)
        yield PurgePlan(counted)
    for tenant_id, count in count_rejections(database, now=now, tenant_id=cutoff.tenant_id).items():
        counted[slugs.get(tenant_id, tenant_id)] += Forgotten(rejections=count)
    proofs = count_proofs(database, now=now) if cutoff.tenant_id is None else 0
    requests = count_requests(database, now=now) if cutoff.tenant_id is None else 0
    yield PurgePlan(dict(sorted(counted.items())), proofs, requests)


def purge(installation: Installation, cutoff: Cutoff, *, actor: Actor) -> Iterator[Forgotten]:
    """Forget what is old by `cutoff`, rejections after 7 days, and, unless one tenant is meant, expired proofs, and
    requests of the API that may not be sent again any more.

    In short transactions, beside a running gateway; after each comes how far it is, the last value is the whole. May be
    stopped between two values and started again. Raises `StorageUnavailable`.
    """
    total = Forgotten()
    try:
        for step in _purge(installation, cutoff):
            total += step
            yield total
    finally:
        # Also where it is stopped: what is gone is gone.
        if total.is_anything:
            with act_for_system(installation, actor=actor, write=True) as acting:
                after = {"before": cutoff.before, "dead_before": cutoff.dead_before} | asdict(total)
                acting.audit("events.purged", "", tenant_id=cutoff.tenant_id, after=after)
    yield total


def _purge(installation: Installation, cutoff: Cutoff) -> Iterator[Forgotten]:
    database, now = installation.database, installation.now()
    yield from map(_forgotten, purge_events(database, cutoff))
    yield from map(_forgotten, purge_by_source(database, cutoff))
    # What is kept for longer is found by blocks as well.
    oldest = min((own.before for own in cutoff.own), default=cutoff.before)
    for _ in purge_blocks(database, to_us(min(cutoff.before, oldest))):
        yield Forgotten()
    for _ in purge_jobs(database, cutoff.before, tenant_id=cutoff.tenant_id):
        yield Forgotten()
    for count in purge_rejections(database, now=now, tenant_id=cutoff.tenant_id):
        yield Forgotten(rejections=count)
    for count in purge_proofs(database, now=now) if cutoff.tenant_id is None else ():
        yield Forgotten(proofs=count)
    for count in purge_requests(database, now=now) if cutoff.tenant_id is None else ():
        yield Forgotten(requests=count)


def _forgotten(purged: Purged) -> Forgotten:
    return Forgotten(**asdict(purged))
