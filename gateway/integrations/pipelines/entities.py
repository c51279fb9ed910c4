"""What a pipeline reads from the database: entities of its source by when they changed, what it has loaded before, and
which entities its target has. Some at a time; each statement walks an index of one list of entities.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, or_, select

from gateway.clients.errors import PositionExpired
from gateway.db.database import Database
from gateway.entities.models import Entity
from gateway.integrations.kinds.sinces import read, written
from gateway.integrations.pipelines.mapping import LINEAGE

A_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Listed:
    """One list of entities: those of a kind that an integration has."""

    instance_id: str
    integration_name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Place:
    """How far a walk is: what changed at this instant up to this id is behind it."""

    at: datetime
    id: str

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"at": written(self.at), "id": self.id}


def place_of(document: Mapping[str, Any]) -> Place:
    """What `document` made. Raises `PositionExpired`."""
    if not isinstance(document.get("id"), str):
        raise PositionExpired("what the sync was to go on from cannot be read")
    return Place(read(document.get("at")), document["id"])


@dataclass(frozen=True, slots=True)
class Subject:
    """An entity of the source, as expressions are given it; `is_deleted`: it is a tombstone."""

    id: str
    changed_at: datetime
    entity: Mapping[str, Any]
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class Held:
    """What was loaded of an entity: its record, and the id that the target gave it; None while it has none."""

    name: str | None
    values: Mapping[str, Any]
    target_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entities:
    """Reads for one pipeline, whose own entities are `own`."""

    database: Database
    tenant_id: str
    source: Listed
    target: Listed
    own: Listed

    def pages(self, after: Place | None) -> Iterator[tuple[list[Subject], Place | None]]:
        """Entities of the source in the order in which they changed, tombstones too, and where the next ones are."""
        while True:
            asked = self._of(self.source).order_by(Entity.updated_at, Entity.id).limit(A_PAGE)
            if after is not None:
                is_later = or_(Entity.updated_at > after.at, Entity.id > after.id)
                asked = asked.where(Entity.updated_at >= after.at, is_later)
            found = self._subjects(asked)
            after = Place(found[-1].changed_at, found[-1].id) if len(found) == A_PAGE else None
            yield found, after
            if after is None:
                return

    def by_id(self, ids: Sequence[str]) -> list[Subject]:
        """Those of these entities that the source has."""
        return self._subjects(self._of(self.source).where(Entity.id.in_(list(ids))))

    def held(self, ids: Sequence[str]) -> dict[str, Held]:
        """What was loaded of these entities, and is not gone."""
        asked = select(Entity.integration_id, Entity.name, Entity.attributes)
        with self.database.tenant_session(self.tenant_id) as session:
            rows = session.execute(self._live(asked, self.own).where(Entity.integration_id.in_(list(ids)))).all()
        return {str(one): _held(name, attributes) for one, name, attributes in rows}

    def count_held(self) -> int:
        """How many there are."""
        with self.database.tenant_session(self.tenant_id) as session:
            return int(session.execute(self._live(select(func.count()), self.own)).scalar_one())

    def holders(self, field: str, values: Collection[str]) -> dict[str, set[str]]:
        """Which entities were loaded with these values of a field, by value. Walks all that were."""
        member = Entity.attributes[field].as_string()
        asked = self._live(select(member, Entity.integration_id), self.own).where(member.in_(list(values)))
        found: dict[str, set[str]] = {}
        with self.database.tenant_session(self.tenant_id) as session:
            for value, holder in session.execute(asked):
                found.setdefault(str(value), set()).add(str(holder))
        return found

    def targets(self, key: str, values: Collection[str]) -> dict[str, str]:
        """The external ids of entities of the target by their key: `id` is the external id itself, `name` their name,
        any other an attribute, for which all of the list is walked.
        """
        member: ColumnElement[Any] = Entity.attributes[key].as_string()
        if key in ("id", "name"):
            member = {"id": Entity.integration_id, "name": Entity.name}[key].expression
        asked = self._live(select(member, Entity.integration_id), self.target).where(member.in_(list(values)))
        with self.database.tenant_session(self.tenant_id) as session:
            rows = session.execute(asked.where(Entity.integration_id.is_not(None)).order_by(Entity.id.desc())).all()
        return {str(value): str(integration_id) for value, integration_id in rows}

    def there(self, listed: Listed, ids: Collection[str]) -> set[str]:
        """Which of these external ids a list has."""
        asked = self._live(select(Entity.integration_id), listed).where(Entity.integration_id.in_(list(ids)))
        with self.database.tenant_session(self.tenant_id) as session:
            return {str(one) for one in session.scalars(asked)}

    def _subjects(self, asked: Any) -> list[Subject]:
        with self.database.tenant_session(self.tenant_id) as session:
            return [_subject(one) for one in session.scalars(asked)]

    def _of(self, listed: Listed) -> Any:
        return select(Entity).where(Entity.instance_id == listed.instance_id, Entity.kind == listed.kind)

    def _live(self, asked: Any, listed: Listed) -> Any:
        mine = Entity.instance_id == listed.instance_id, Entity.kind == listed.kind
        return asked.select_from(Entity).where(*mine, Entity.deleted_at.is_(None))


def _subject(row: Entity) -> Subject:
    return Subject(
        id=row.id,
        changed_at=row.updated_at,
        entity={
            "key": f"{row.integration_name}:{row.integration_id or row.id}",
            "id": row.id,
            "integration_id": row.integration_id,
            "kind": row.kind,
            "name": row.name,
            "state": row.state,
            "parent": row.parent,
            "area": row.area,
            "attributes": row.attributes,
            "user_data": row.user_data,
        },
        is_deleted=row.deleted_at is not None,
    )


def _held(name: str | None, attributes: Mapping[str, Any]) -> Held:
    lineage = attributes.get(LINEAGE)
    to = lineage.get("to") if isinstance(lineage, Mapping) else None
    values = {field: value for field, value in attributes.items() if field != LINEAGE}
    return Held(name, values, to if isinstance(to, str) else None)
