"""Writing what a page comes to: entities, their history and their events, in the transaction of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from gateway.clock import to_us
from gateway.delivery.telling import tell
from gateway.entities.content import COLUMNS
from gateway.entities.pulling.contesting import settle
from gateway.entities.pulling.deciding import Step
from gateway.entities.pulling.judging import Taken
from gateway.entities.pulling.preparing import Change, Prepared, Scope, attributes_after
from gateway.entities.runs.tally import Tally
from gateway.entities.store.cursors import store_named
from gateway.entities.store.writing import (
    EntityRow,
    Shared,
    add_history,
    change_entities,
    insert_entities,
)
from gateway.entities.trail import trail_of
from gateway.errors import GatewayError
from gateway.events.system import ENTITY_CREATED, ENTITY_DELETED, ENTITY_UPDATED, Occurrence, entity_changed
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting

PULL = "pull"
_ACTIONS = {Step.UPDATE: "updated", Step.REVIVE: "restored", Step.DELETE: "deleted"}
_TYPES = {Step.UPDATE: ENTITY_UPDATED, Step.REVIVE: ENTITY_CREATED, Step.DELETE: ENTITY_DELETED}
_COUNTS = {Step.UPDATE: "updated", Step.REVIVE: "revived", Step.DELETE: "deleted"}


class Raced(GatewayError):
    """Somebody else made an entity that this transaction was about to make: it is to be repeated."""

    code = "raced"
    retryable = True


def count(prepared: Prepared, tally: Tally) -> None:
    """What a page comes to, as numbers: the same for a plan and for the run that follows."""
    tally.add("created", len(prepared.created))
    tally.add("unchanged", prepared.unchanged + len(prepared.echoes))
    for change in prepared.changes:
        tally.add(_COUNTS.get(change.step, "merged"))
        tally.add("conflicts", int(change.is_conflict))
        if change.step is Step.UPDATE:
            tally.add_fields(change.fields)


def apply(acting: Acting, scope: Scope, prepared: Prepared) -> None:
    """Write all of it. Raises `Raced`."""
    connection = acting.session.connection()
    external = scope.external
    shared = Shared(
        external.tenant_id, external.instance_id, external.integration_name, scope.kind, acting.now_us
    )  # fmt: skip
    rows = [_row(one) for one in prepared.created]
    if insert_entities(connection, shared, rows) != len(rows):
        raise Raced(f"somebody else made a {scope.kind} that {external.name} has")
    change_entities(connection, [_version(known.id, taken) for known, taken in prepared.versions])
    by_step = {step: [one for one in prepared.changes if one.step is step] for step in _ACTIONS}
    taken = (*by_step[Step.UPDATE], *by_step[Step.REVIVE])
    change_entities(connection, [_update(acting, scope, one) for one in taken])
    change_entities(connection, [_deletion(acting, one) for one in by_step[Step.DELETE]])
    add_history(connection, [_entry(acting, scope, one) for one in prepared.changes if one.step in _ACTIONS])
    if scope.options.entity_events == "all":
        created = (_created(scope, row.id, one) for row, one in zip(rows, prepared.created, strict=True))
        changed = (_changed(scope, one) for one in prepared.changes if one.step in _TYPES)
        tell(acting.session, acting.installation, chain(created, changed))
    _settle(acting, scope, prepared)


def _settle(acting: Acting, scope: Scope, prepared: Prepared) -> None:
    """What concerns edits of both sides, and what pushes are just making, which a later run looks at once more."""
    contested = [one for one in prepared.changes if one.case is not None]
    if contested:
        trail = trail_of(
            acting.session,
            acting.installation,
            scope.external,
            scope.options,
            actor_kind=acting.actor.kind,
            actor_name=acting.actor.name,
            at=acting.now,
            run_id=scope.run_id,
        )
        for change in contested:
            assert change.case is not None
            mapped = None if change.taken is None else change.taken.mapped
            settle(trail, change.case, mapped, scope.rules, can_create=scope.can_create)
        acting.session.flush()
        trail.write()
    if prepared.echoes:
        external = scope.external
        store_named(
            acting.session.connection(),
            external.tenant_id,
            external.instance_id,
            scope.resource,
            prepared.echoes,
            at=acting.now,
        )


def _row(taken: Taken) -> EntityRow:
    mapped = taken.mapped
    return EntityRow(
        id=new_id("ent"),
        integration_id=mapped.integration_id,
        name=mapped.name,
        attributes=taken.attributes,
        state=mapped.state,
        state_at=None if mapped.state_at is None else to_us(mapped.state_at),
        parent=mapped.parent,
        area=mapped.area,
        external_version=mapped.version,
        external_updated_at=None if mapped.updated_at is None else to_us(mapped.updated_at),
        content_hash=taken.digest,
    )


def _version(entity_id: str, taken: Taken) -> Mapping[str, Any]:
    mapped = taken.mapped
    return {
        "id": entity_id,
        "external_version": mapped.version,
        "external_updated_at": mapped.updated_at,
        "content_hash": taken.digest,
    }


def _update(acting: Acting, scope: Scope, change: Change) -> Mapping[str, Any]:
    assert change.taken is not None
    mapped = change.taken.mapped
    return {
        "id": change.row["id"],
        **{name: getattr(mapped, name) for name in COLUMNS},
        "attributes": dict(attributes_after(change.row["attributes"], mapped.attributes, scope.rules)),
        "state_at": mapped.state_at,
        "external_version": mapped.version,
        "external_updated_at": mapped.updated_at,
        "content_hash": change.taken.digest,
        "base": None,
        "changed_by": PULL,
        "deleted_at": None,
        "deleted_by": None,
        "merged_into": None,
        "updated_at": acting.now,
    }


def _deletion(acting: Acting, change: Change) -> Mapping[str, Any]:
    return {
        "id": change.row["id"],
        "changed_by": PULL,
        "deleted_at": acting.now,
        "deleted_by": PULL,
        "merged_into": change.merged_into,
        "base": None,
        "updated_at": acting.now,
    }


def _entry(acting: Acting, scope: Scope, change: Change) -> Mapping[str, Any]:
    return {
        "id": new_id("his"),
        "tenant_id": acting.tenant.id,
        "entity_id": change.row["id"],
        "at": acting.now,
        "action": _ACTIONS[change.step],
        "origin": PULL,
        "actor_kind": acting.actor.kind,
        "actor_name": acting.actor.name,
        "run_id": scope.run_id,
        "changes": {name: list(values) for name, values in change.fields.items()},
    }


def _created(scope: Scope, entity_id: str, taken: Taken) -> Occurrence:
    return _occurrence(scope, ENTITY_CREATED, entity_id, taken, taken.mapped.attributes, {})


def _changed(scope: Scope, change: Change) -> Occurrence:
    changes = {name: list(values) for name, values in change.fields.items()}
    event_type = _TYPES[change.step]
    if change.taken is not None:
        attributes = attributes_after(change.row["attributes"], change.taken.mapped.attributes, scope.rules)
        return _occurrence(scope, event_type, change.row["id"], change.taken, attributes, changes)
    row = change.row
    return entity_changed(
        scope.external.tenant_id,
        event_type,
        entity_id=row["id"],
        integration=scope.external.name,
        integration_name=scope.external.integration_name,
        integration_id=row["integration_id"],
        kind=row["kind"],
        name=row["name"],
        state=row["state"],
        attributes=row["attributes"],
        changes=changes,
        origin=PULL,
        run_id=scope.run_id,
    )


def _occurrence(
    scope: Scope,
    event_type: str,
    entity_id: str,
    taken: Taken,
    attributes: Mapping[str, Any],
    changes: Mapping[str, Sequence[Any]],
) -> Occurrence:
    mapped = taken.mapped
    return entity_changed(
        scope.external.tenant_id,
        event_type,
        entity_id=entity_id,
        integration=scope.external.name,
        integration_name=scope.external.integration_name,
        integration_id=mapped.integration_id,
        kind=scope.kind,
        name=mapped.name,
        state=mapped.state,
        attributes=attributes,
        changes=changes,
        origin=PULL,
        run_id=scope.run_id,
    )
