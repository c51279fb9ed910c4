"""An integration with an external system in memory, and its entities as a pull leaves them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from marshmallow import Schema
from sqlalchemy import select

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.entities.cases import cases_of
from gateway.entities.conflicts.summary import ConflictSummary
from gateway.entities.content import mapped_digest
from gateway.entities.editing.draft import EntityDraft, EntityEdit
from gateway.entities.editing.management import create_entity, delete_entity, restore_entity, set_entity
from gateway.entities.external import External
from gateway.entities.instances import Named, Opened
from gateway.entities.models import Entity, EntityConflict, HistoryEntry, LocalChange
from gateway.entities.options import SyncOptions
from gateway.entities.pushing.push import push
from gateway.entities.reconciling import take_external
from gateway.entities.resolving.choices import Resolution
from gateway.entities.resolving.conflicts import resolve_conflict
from gateway.entities.rules import Rules, rules_of
from gateway.entities.search.finding import EntityKey
from gateway.entities.search.summary import EntitySummary
from gateway.entities.states import ChangeState
from gateway.entities.trail import Trail, trail_of
from gateway.events.models import Event
from gateway.installation import Installation
from gateway.jobs.here import carry_out_here
from gateway.jobs.kind import Kind, Result
from gateway.jobs.request import Holder, request_job
from gateway.jobs.run import JobRun
from gateway.jobs.summary import JobSummary
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting, act
from gateway.tenants.models import DEFAULT_TENANT_ID
from tests.services.acting import TESTER
from tests.services.memory_system import MemoryResource, external_of

INSTANCE = "int_crm"


class Memory:
    """The port to integrations, with one integration."""

    def __init__(self, sides: Sides) -> None:
        self._sides = sides
        self.pushes = 0

    def find(self, acting: Acting, name: str) -> Named | None:
        return Named(INSTANCE, "crm", "memory") if name in {"crm", INSTANCE} else None

    def named(self, acting: Acting, ids: Collection[str]) -> Mapping[str, Named]:
        return {INSTANCE: Named(INSTANCE, "crm", "memory")} if INSTANCE in ids else {}

    @contextmanager
    def opened(self, acting: Acting, instance_id: str) -> Iterator[Opened]:
        def request_push(_acting: Acting) -> None:
            self.pushes += 1

        yield Opened(self._sides.external, self._sides.options, request_push)


class NoPayload(Schema):
    """A push is of one integration: the test's."""


@dataclass
class Sides:
    """Both sides of one integration. `there` is the external system's list of contacts."""

    installation: Installation
    clock: FakeClock
    there: MemoryResource = field(default_factory=MemoryResource)
    options: SyncOptions = field(default_factory=SyncOptions)

    def __post_init__(self) -> None:
        self.instances = Memory(self)

    @property
    def external(self) -> External:
        return external_of(self.there, instance_id=INSTANCE, tenant_id=DEFAULT_TENANT_ID)

    @property
    def rules(self) -> Rules:
        return rules_of(self.there, self.options)

    def acting(self, *, write: bool = True) -> AbstractContextManager[Acting]:
        return act(self.installation, actor=TESTER, write=write)

    def trail(self, acting: Acting) -> Trail:
        return trail_of(
            acting.session,
            acting.installation,
            self.external,
            self.options,
            actor_kind=acting.actor.kind,
            actor_name=acting.actor.name,
            at=acting.now,
        )

    def shared(self, record_id: str = "c1", **values: Any) -> str:
        """A contact that both sides have and agree on; the entity's id."""
        record = self.there.put(record_id, **values)
        mapped = self.there.map(record)
        entity_id = new_id("ent")
        with self.acting() as acting:
            acting.session.add(
                Entity(
                    id=entity_id,
                    instance_id=INSTANCE,
                    integration_name="memory",
                    integration_id=record_id,
                    kind="contact",
                    name=mapped.name,
                    attributes=dict(mapped.attributes),
                    external_version=mapped.version,
                    external_updated_at=mapped.updated_at,
                    content_hash=mapped_digest(mapped),
                    changed_by="pull",
                    created_at=acting.now,
                    updated_at=acting.now,
                )
            )
        return entity_id

    def entity(self, entity_id: str) -> Entity:
        with self.acting(write=False) as acting:
            return acting.session.scalars(select(Entity).where(Entity.id == entity_id)).one()

    def live(self) -> list[str]:
        """The ids of all that are no tombstones."""
        with self.acting(write=False) as acting:
            there = select(Entity.id).where(Entity.deleted_at.is_(None)).order_by(Entity.id)
            return list(acting.session.scalars(there))

    def changes(self, entity_id: str) -> list[LocalChange]:
        """All of its local changes, settled ones too, in order."""
        with self.acting(write=False) as acting:
            mine = select(LocalChange).where(LocalChange.entity_id == entity_id).order_by(LocalChange.id)
            return list(acting.session.scalars(mine))

    def states(self, entity_id: str) -> list[str]:
        return [one.state for one in self.changes(entity_id)]

    def conflicts(self) -> list[EntityConflict]:
        """All there ever were."""
        with self.acting(write=False) as acting:
            return list(acting.session.scalars(select(EntityConflict).order_by(EntityConflict.id)))

    def history(self, entity_id: str) -> list[tuple[str, dict[str, Any]]]:
        """What happened, oldest first."""
        with self.acting(write=False) as acting:
            mine = select(HistoryEntry).where(HistoryEntry.entity_id == entity_id).order_by(HistoryEntry.id)
            return [(one.action, one.changes) for one in acting.session.scalars(mine)]

    def events(self) -> list[str]:
        """The types of all events, oldest first."""
        with self.installation.database.system_session() as session:
            return [str(one) for one in session.scalars(select(Event.type).order_by(Event.id))]

    # What people do here.

    def set(self, entity_id: str, **fields: Any) -> EntitySummary:
        with self.acting() as acting:
            return set_entity(acting, self.instances, EntityKey(entity_id), EntityEdit(fields=fields))

    def create(self, parent: str | None = None, **fields: Any) -> str:
        draft = EntityDraft(
            integration="crm", kind="contact", fields=fields, parent=None if parent is None else EntityKey(parent)
        )
        with self.acting() as acting:
            return create_entity(acting, self.instances, draft).id

    def delete(self, entity_id: str) -> EntitySummary:
        with self.acting() as acting:
            return delete_entity(acting, self.instances, EntityKey(entity_id))

    def restore(self, entity_id: str) -> EntitySummary:
        with self.acting() as acting:
            return restore_entity(acting, self.instances, EntityKey(entity_id))

    def resolve(self, **said: Any) -> ConflictSummary:
        """Decide the conflict that is open."""
        [conflict] = [one for one in self.conflicts() if one.state == "open"]
        with self.acting() as acting:
            return resolve_conflict(acting, self.instances, conflict.id, Resolution(**said))

    def push(self, watch: Callable[[JobRun], object] = lambda run: None) -> Mapping[str, Any]:
        """Send what is due, in this process."""

        def run(run: JobRun) -> Result:
            watch(run)
            return push(run, self.external, self.options)

        return self.carry_out(Kind(name="tests.push", payload=NoPayload, run=run, timeout_seconds=60.0))

    def carry_out(self, kind: Kind) -> Mapping[str, Any]:
        """A job, in this process."""

        def ask(holder: Holder) -> JobSummary:
            with self.acting() as acting:
                return request_job(acting, kind, {}, holder=holder)

        return carry_out_here(self.installation, kind, ask, actor=TESTER, on_progress=lambda *_: None) or {}

    def pull(self, record_id: str, entity_id: str) -> None:
        """A pull sees a record, of an entity that has local edits."""
        mapped = self.there.map(self.there.records[record_id])
        with self.acting() as acting:
            trail = self.trail(acting)
            take_external(trail, cases_of(acting.session, [entity_id])[entity_id], mapped, self.rules)
            trail.write()

    def later(self, seconds: float = 1.0) -> None:
        self.clock.advance(seconds)


def waiting(entity: Entity, fields: dict[str, Any], at: Any, operation: str = "update") -> LocalChange:
    """A local change that waits."""
    return LocalChange(
        id=new_id("chg"),
        instance_id=entity.instance_id,
        entity_id=entity.id,
        operation=operation,
        fields=fields,
        based_on=entity.external_version,
        idempotency_key=new_id("idk"),
        state=ChangeState.PENDING,
        next_attempt_at=at,
        scheduled_at=at - timedelta(seconds=0),
        actor_kind="command_line",
        actor_name="tester",
        created_at=at,
    )


@pytest.fixture
def sides(settings: Settings, fake_clock: FakeClock) -> Iterator[Sides]:
    with Installation(settings, clock=fake_clock) as installation:
        yield Sides(installation, fake_clock)
