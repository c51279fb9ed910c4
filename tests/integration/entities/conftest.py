"""An integration with an external system in memory, and its entities as a pull leaves them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.entities.cases import Case, cases_of
from gateway.entities.content import mapped_digest
from gateway.entities.external import External
from gateway.entities.models import Entity, EntityConflict, HistoryEntry, LocalChange
from gateway.entities.options import SyncOptions
from gateway.entities.rules import Rules, rules_of
from gateway.entities.states import ChangeState
from gateway.entities.trail import Trail, trail_of
from gateway.events.models import Event
from gateway.installation import Installation
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting, act
from gateway.tenants.models import DEFAULT_TENANT_ID
from tests.services.acting import TESTER
from tests.services.memory_system import MemoryResource, external_of

INSTANCE = "int_crm"


@dataclass
class Sides:
    """Both sides of one integration. `there` is the external system's list of contacts."""

    installation: Installation
    clock: FakeClock
    there: MemoryResource = field(default_factory=MemoryResource)
    options: SyncOptions = field(default_factory=SyncOptions)

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

    def case(self, entity_id: str) -> Case:
        with self.acting(write=False) as acting:
            return cases_of(acting.session, [entity_id], lock=False)[entity_id]

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
