"""Finding entries of the audit trail: of one tenant, or, for who acts for none, of all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from gateway.db.model import SYSTEM
from gateway.db.paging import Page, PageRequest, page_of
from gateway.db.time_bounds import between
from gateway.errors import NotFound
from gateway.tenants.acting import Acting, SystemActing
from gateway.tenants.audit import ActorKind
from gateway.tenants.audit_trail.models import AuditRow
from gateway.tenants.audit_trail.trail import PREFIX
from gateway.tenants.directory import slugs_of


@dataclass(frozen=True, slots=True)
class AuditSearch:
    """Which entries; None means any. `actor` is a name, or a key's id; `object` an id or a name.

    `action` may end in `*`, which stands for any end. `since` (inclusive) and `until` (exclusive) bound when it was.
    """

    actor: str | None = None
    action: str | None = None
    object: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditSummary:
    """An entry. `tenant` is the slug of the tenant that it concerns, None where it concerns none; `hash` is in hex."""

    id: str
    number: int
    at: datetime
    tenant: str | None
    actor_kind: ActorKind
    actor_id: str | None
    actor_name: str
    address: str | None
    request_id: str | None
    action: str
    object_id: str
    object_name: str | None
    before: Mapping[str, object]
    after: Mapping[str, object]
    hash: str


def find_audit(acting: Acting | SystemActing, wanted: AuditSearch, page: PageRequest) -> Page[AuditSummary]:
    """A page of entries, newest first. Raises `InvalidInput`."""
    statement = select(AuditRow).where(*_clauses(wanted))
    found = page_of(acting.session, statement, AuditRow.id, page, is_descending=True)
    slugs = slugs_of(acting.session, {row.tenant_id for row in found.rows})
    return Page(tuple(_summary(row, slugs) for row in found.rows), found.next_cursor)


def show_audit(acting: Acting | SystemActing, entry_id: str) -> AuditSummary:
    """One entry. Raises `NotFound`."""
    row = acting.session.scalars(select(AuditRow).where(AuditRow.id == entry_id)).first()
    if row is None:
        raise NotFound(f"there is no audit entry {entry_id!r}")
    return _summary(row, slugs_of(acting.session, {row.tenant_id}))


def _clauses(wanted: AuditSearch) -> list[ColumnElement[bool]]:
    clauses = between(AuditRow.id, AuditRow.at, PREFIX, wanted.since, wanted.until)
    if wanted.actor is not None:
        clauses.append(or_(AuditRow.actor_name == wanted.actor, AuditRow.actor_id == wanted.actor))
    if wanted.object is not None:
        clauses.append(or_(AuditRow.object_id == wanted.object, AuditRow.object_name == wanted.object))
    if wanted.action is not None and wanted.action.endswith("*"):
        clauses.append(AuditRow.action.startswith(wanted.action[:-1], autoescape=True))
    elif wanted.action is not None:
        clauses.append(AuditRow.action == wanted.action)
    return clauses


def _summary(row: AuditRow, slugs: Mapping[str, str]) -> AuditSummary:
    return AuditSummary(
        id=row.id,
        number=row.number,
        at=row.at,
        tenant=None if row.tenant_id == SYSTEM else slugs[row.tenant_id],
        actor_kind=ActorKind(row.actor_kind),
        actor_id=row.actor_id,
        actor_name=row.actor_name,
        address=row.address,
        request_id=row.request_id,
        action=row.action,
        object_id=row.object_id,
        object_name=row.object_name,
        before=_object(row.before),
        after=_object(row.after),
        hash=row.hash.hex(),
    )


def _object(text: str) -> Mapping[str, object]:
    found: Any = json.loads(text)
    return found if isinstance(found, dict) else {}
