"""The entities that are embedded, and the embeddings that there are: read from the database, some at a time.

Each statement is one walk along the index of a list of entities: what it costs does not grow with what there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from gateway.db.database import Database
from gateway.db.scope import TenantSession
from gateway.entities.models import Entity
from gateway.errors import InvalidInput
from gateway.integrations.kinds.openai.texts import KIND, Subject, text_of
from gateway.integrations.kinds.rest.paths import RecordPath
from gateway.integrations.models import Integration

SUBJECTS_A_PAGE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far the walk has come: which of the lists of entities, and after which external id."""

    part: int = 0
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """The entities of some integrations of the tenant, by their names, and of some kinds."""

    database: Database
    tenant_id: str
    instance_id: str
    integrations: Sequence[str]
    kinds: Sequence[str]
    paths: Sequence[RecordPath]
    longest: int

    def pages(self, at: Place) -> Iterator[tuple[list[Subject], Place | None]]:
        """Some of them and where the next ones are; None after the last."""
        parts = self._parts()
        for part in range(at.part, len(parts)):
            after: str | None = at.after if part == at.part else ""
            while after is not None:
                found, last = self._some(*parts[part], after)
                has_more = last is not None
                following = Place(part=part, after=last or "") if has_more else Place(part=part + 1)
                yield found, following if has_more or part + 1 < len(parts) else None
                after = last

    def embeddings(self, ids: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        """The records of those that have an embedding, by the ids of the entities."""
        with self.database.tenant_session(self.tenant_id) as session:
            asked = select(Entity.integration_id, Entity.name, Entity.attributes).where(
                Entity.instance_id == self.instance_id,
                Entity.kind == KIND,
                Entity.integration_id.in_(list(ids)),
                Entity.deleted_at.is_(None),
            )
            return {str(one): _record(one, name, attributes) for one, name, attributes in session.execute(asked)}

    def living(self, ids: Sequence[str]) -> set[str]:
        """Which of these entities are there."""
        with self.database.tenant_session(self.tenant_id) as session:
            asked = select(Entity.id).where(Entity.id.in_(list(ids)), Entity.deleted_at.is_(None))
            return set(session.scalars(asked))

    def _parts(self) -> list[tuple[str, str]]:
        """Integration and kind of each list. Raises `InvalidInput` for integrations that there are not."""
        with self.database.tenant_session(self.tenant_id) as session:
            found = self._ids(session)
        if missing := sorted(set(self.integrations) - found.keys()):
            message = f"there is no integration {', '.join(missing)} whose entities could be embedded"
            raise InvalidInput.at("configuration.integrations", "unknown", message)
        return [(found[name], kind) for name in self.integrations for kind in self.kinds]

    def _ids(self, session: TenantSession) -> dict[str, str]:
        rows = session.execute(
            select(Integration.name, Integration.id).where(
                Integration.name.in_(list(self.integrations)), Integration.id != self.instance_id
            )
        )
        return {row.name: row.id for row in rows}

    def _some(self, instance_id: str, kind: str, after: str) -> tuple[list[Subject], str | None]:
        """Subjects after an external id, and the last id that was looked at; None where nothing comes after it."""
        asked = (
            select(
                Entity.id,
                Entity.integration_id,
                Entity.integration_name,
                Entity.name,
                Entity.state,
                Entity.attributes,
                Entity.deleted_at,
            )
            .where(Entity.instance_id == instance_id, Entity.kind == kind, Entity.integration_id > after)
            .order_by(Entity.integration_id)
            .limit(SUBJECTS_A_PAGE)
        )
        with self.database.tenant_session(self.tenant_id) as session:
            rows = session.execute(asked).all()
        found = []
        for row in rows:
            entity = {"name": row.name, "state": row.state, "kind": kind, "attributes": row.attributes}
            text = text_of(self.paths, entity, self.longest) if row.deleted_at is None else ""
            if text:
                key = f"{row.integration_name}:{row.integration_id}"
                found.append(Subject(id=row.id, key=key, kind=kind, name=row.name, text=text))
        return found, rows[-1].integration_id if len(rows) == SUBJECTS_A_PAGE else None


def _record(identifier: str | None, name: str | None, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The record that an embedding was made of."""
    told = {key: value for key, value in attributes.items() if key != "entity"}
    return {**told, "id": identifier, "name": name}
