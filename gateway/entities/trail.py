"""What happens to entities in one transaction: gathered, and written at its end, each kind of row in one statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.orm import Session

from gateway.delivery.telling import tell
from gateway.entities.external import External
from gateway.entities.history import new_history_id
from gateway.entities.models import Entity, EntityConflict, HistoryEntry
from gateway.entities.options import SyncOptions
from gateway.events.system import Occurrence, conflict_detected, entity_changed
from gateway.installation import Installation

_HISTORY: Table = HistoryEntry.__table__  # type: ignore[assignment]

Changes = Mapping[str, Any]
"""`[before, after]` by field."""


@dataclass(slots=True, kw_only=True)
class Trail:
    """Of the entities of one integration, by one who acts. `write` it before the transaction ends."""

    session: Session
    installation: Installation
    integration: str
    options: SyncOptions
    actor_kind: str
    actor_name: str
    at: datetime
    run_id: str | None = None
    _entries: list[dict[str, Any]] = field(default_factory=list)
    _occurrences: list[Occurrence] = field(default_factory=list)

    def note(self, entity: Entity, action: str, origin: str, changes: Changes) -> None:
        """Something that is to be found in the entity's history."""
        self._entries.append(
            {
                "id": new_history_id(),
                "tenant_id": entity.tenant_id,
                "entity_id": entity.id,
                "at": self.at,
                "action": action,
                "origin": origin,
                "actor_kind": self.actor_kind,
                "actor_name": self.actor_name,
                "run_id": self.run_id,
                "changes": dict(changes),
            }
        )

    def tell(self, entity: Entity, event_type: str, origin: str, changes: Changes) -> None:
        """Something of which there is an event (`gateway.entity.…`), with the entity as it is now."""
        if self.options.entity_events == "none":
            return
        self._occurrences.append(
            entity_changed(
                entity.tenant_id,
                event_type,
                entity_id=entity.id,
                integration=self.integration,
                integration_name=entity.integration_name,
                integration_id=entity.integration_id,
                kind=entity.kind,
                name=entity.name,
                state=entity.state,
                attributes=entity.attributes,
                changes=changes,
                origin=origin,
                run_id=self.run_id,
            )
        )

    def tell_conflict(self, entity: Entity, conflict: EntityConflict) -> None:
        """A conflict that waits for a person."""
        self._occurrences.append(
            conflict_detected(
                entity.tenant_id,
                conflict_id=conflict.id,
                entity_id=entity.id,
                integration=self.integration,
                integration_name=entity.integration_name,
                integration_id=entity.integration_id,
                kind=conflict.kind,
                fields=conflict.fields,
            )
        )

    def write(self) -> None:
        """Store what was gathered."""
        entries, self._entries = self._entries, []
        occurrences, self._occurrences = self._occurrences, []
        if entries:
            self.session.flush()
            self.session.connection().execute(insert(_HISTORY), entries)
        tell(self.session, self.installation, occurrences)


def trail_of(
    session: Session,
    installation: Installation,
    external: External,
    options: SyncOptions,
    *,
    actor_kind: str,
    actor_name: str,
    at: datetime,
    run_id: str | None = None,
) -> Trail:
    """A trail of an integration's entities."""
    return Trail(
        session=session,
        installation=installation,
        integration=external.name,
        options=options,
        actor_kind=actor_kind,
        actor_name=actor_name,
        at=at,
        run_id=run_id,
    )
