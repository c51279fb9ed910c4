"""Finding entities: one by its key, and all of them page by page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Text, and_, cast, func, or_, select, text
from sqlalchemy.orm import Session

from gateway.db.paging import Page, PageRequest, page_of
from gateway.entities.instances import Instances
from gateway.entities.models import IS_UNSETTLED, Entity, LocalChange
from gateway.entities.search.summary import EntitySummary, summaries
from gateway.errors import Conflict, Hint, InvalidInput, NotFound
from gateway.suggestions import suggest
from gateway.tenants.acting import Acting

OWN_ID: Final = "ent_"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitySearch:
    """What holds for the entities of a list; None for whatever it may be. `integration` is a name or an id, `name` a
    part of it, `attributes` are texts by the name of a top-level member. `is_deleted`: tombstones, instead of what is
    there.
    """

    integration: str | None = None
    kind: str | None = None
    name: str | None = None
    attributes: Mapping[str, str] | None = None
    state: str | None = None
    is_deleted: bool = False
    is_unsent: bool = False


@dataclass(frozen=True, slots=True)
class EntityKey:
    """Which entity is meant. `integration` and `kind` tell those apart that have one key."""

    text: str
    integration: str | None = None
    kind: str | None = None


ALL = EntitySearch()


def find_entities(
    acting: Acting, instances: Instances, page: PageRequest, search: EntitySearch = ALL
) -> Page[EntitySummary]:
    """A page of the tenant's entities, in the order in which they came. Raises `InvalidInput`, `NotFound` for an
    integration that there is not.
    """
    found = page_of(acting.session, _matching(acting, instances, search), Entity.id, page)
    return Page(summaries(acting, instances, found.rows), found.next_cursor)


def show_entity(acting: Acting, instances: Instances, key: EntityKey) -> EntitySummary:
    """One entity, also a tombstone. Raises as `require_entity`."""
    return summaries(acting, instances, [require_entity(acting, instances, key)])[0]


def require_entity(acting: Acting, instances: Instances, key: EntityKey) -> Entity:
    """The row of an entity: by its id, by `integration_name:integration_id`, or by the integration's own name instead.
    Locked in a transaction that writes.

    Raises `NotFound`, and `Conflict` where several have this key.
    """
    statement = _by_key(acting, instances, key)
    rows = acting.session.scalars(statement.order_by(Entity.id).limit(20)).all()
    # A tombstone is meant where nothing else is.
    live = [row for row in rows if row.deleted_at is None]
    found = live or list(rows)
    if not found:
        raise NotFound(f"there is no entity {key.text!r}", Hint("list_entities"))
    if len(found) > 1:
        raise _ambiguous(acting, instances, key, found)
    return _held(acting, found[0])


def _held(acting: Acting, row: Entity) -> Entity:
    if acting.is_writing:
        acting.session.refresh(row, with_for_update=True)
    return row


def _by_key(acting: Acting, instances: Instances, key: EntityKey) -> Select[Entity]:
    statement = select(Entity)
    if key.integration is not None:
        statement = statement.where(Entity.instance_id == _instance(acting, instances, key.integration))
    if key.kind is not None:
        statement = statement.where(Entity.kind == key.kind)
    if key.text.startswith(OWN_ID):
        return statement.where(Entity.id == key.text)
    prefix, colon, integration_id = key.text.partition(":")
    if not colon:
        message = f"{key.text!r} is no key: it is integration_name:integration_id, or an id that begins with {OWN_ID}"
        raise NotFound(message, Hint("list_entities"))
    by_type = and_(Entity.integration_name == prefix, Entity.integration_id == integration_id)
    own = instances.find(acting, prefix)
    if own is None:
        return statement.where(by_type)
    by_name = and_(
        Entity.integration_name == own.integration_name,
        Entity.integration_id == integration_id,
        Entity.instance_id == own.id,
    )
    return statement.where(or_(by_type, by_name))


def _ambiguous(acting: Acting, instances: Instances, key: EntityKey, rows: Sequence[Entity]) -> Conflict:
    names = instances.named(acting, {row.instance_id for row in rows})
    told = "; ".join(
        f"{row.id} ({row.kind} of {names[row.instance_id].name if row.instance_id in names else row.instance_id})"
        for row in rows
    )
    return Conflict(f"{len(rows)} entities have the key {key.text!r}: {told}", Hint("choose_entity"))


def _instance(acting: Acting, instances: Instances, name: str) -> str:
    found = instances.find(acting, name)
    if found is None:
        raise NotFound(f"there is no integration {name!r}")
    return found.id


def _matching(acting: Acting, instances: Instances, search: EntitySearch) -> Select[Entity]:
    statement = select(Entity)
    statement = statement.where(Entity.deleted_at.is_not(None) if search.is_deleted else Entity.deleted_at.is_(None))
    if search.integration is not None:
        statement = statement.where(Entity.instance_id == _instance(acting, instances, search.integration))
    if search.kind is not None:
        _require_kind(acting.session, search.kind)
        statement = statement.where(Entity.kind == search.kind)
    if search.state is not None:
        statement = statement.where(Entity.state == search.state)
    if search.name is not None:
        statement = statement.where(func.lower(Entity.name).contains(search.name.lower(), autoescape=True))
    for name, value in (search.attributes or {}).items():
        statement = statement.where(_has(acting.session, name, value))
    if search.is_unsent:
        waiting = select(LocalChange.id).where(LocalChange.entity_id == Entity.id, text(IS_UNSETTLED)).exists()
        statement = statement.where(waiting)
    return statement


def _require_kind(session: Session, kind: str) -> None:
    """What a person misspelt is no empty list. Looked up only as far as the first entity of that kind."""
    if session.scalar(select(Entity.kind).where(Entity.kind == kind).limit(1)) is None:
        known = list(session.scalars(select(Entity.kind).distinct().limit(200)))
        if known:
            hint = suggest(kind, known, Hint("choose_one_of", {"names": sorted(known)}))
            raise InvalidInput.at("kind", "unknown", f"there are no entities of the kind {kind!r}", hint)


def _has(session: Session, name: str, value: str) -> ColumnElement[bool]:
    """Whether a top-level member of the attributes is this: a text, or as JSON a number, true, false or null."""
    if session.get_bind().dialect.name == "sqlite":
        path = f"$.{json.dumps(name)}"
        found: Any = func.json_extract(Entity.attributes, path)
        kind: Any = func.json_type(Entity.attributes, path)
        null, true, false = kind == "null", kind == "true", kind == "false"
        number = and_(kind.in_(("integer", "real")), cast(found, Text) == value)
        is_text = and_(kind == "text", found == value)
    else:
        found = func.json_extract_path_text(Entity.attributes, name)
        kind = func.json_typeof(func.json_extract_path(Entity.attributes, name))
        null = kind == "null"
        true, false = and_(kind == "boolean", found == "true"), and_(kind == "boolean", found == "false")
        number = and_(kind == "number", found == value)
        is_text = and_(kind == "string", found == value)
    special = {"null": null, "true": true, "false": false}
    return or_(is_text, special[value]) if value in special else or_(is_text, number)
