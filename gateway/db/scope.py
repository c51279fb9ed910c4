"""Tenant isolation by construction: a session is opened for one tenant, or for the system.

A tenant's session adds `tenant_id = …` to every select, update and delete of tenant-owned rows, loads through
relationships included, and refuses to write a row of another tenant. A system session (worker, snapshot, purge)
says by its name that it sees all tenants. Any change of a configuration row, by itself or in bulk, moves the revision
of its kind in the same transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Delete, Insert, Update, event
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, with_loader_criteria

from gateway.db.model import Base, Configuration, ConfigurationKind, TenantOwned
from gateway.db.revisions import move_revisions
from gateway.errors import GatewayError


class TenantMismatch(GatewayError):
    """Code tried to write a row of one tenant in another tenant's session: a defect of ours, never of input."""

    code = "tenant_mismatch"


class TenantSession(Session):
    """Sees one tenant. `tenant_id` is the tenant's id."""

    def __init__(self, *args: Any, tenant_id: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tenant_id = tenant_id


class SystemSession(Session):
    """Sees all tenants; for work that belongs to none."""


@event.listens_for(TenantSession, "do_orm_execute")
def _restrict(state: ORMExecuteState) -> None:
    session = state.session
    if not isinstance(session, TenantSession) or state.is_column_load:
        return
    if not state.is_orm_statement or state.is_insert:
        # Criteria reach ORM statements only; rows are added as objects, whose tenant is checked.
        raise TenantMismatch("a tenant's session takes ORM selects, updates and deletes, and objects to add")
    tenant_id = session.tenant_id
    state.statement = state.statement.options(
        with_loader_criteria(TenantOwned, lambda row: row.tenant_id == tenant_id, include_aliases=True)
    )


@event.listens_for(TenantSession, "before_flush")
def _own(session: Session, _context: UOWTransaction, _instances: object) -> None:
    if not isinstance(session, TenantSession):
        return
    for row in session.new:
        if isinstance(row, TenantOwned) and not row.tenant_id:
            row.tenant_id = session.tenant_id
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, TenantOwned) and row.tenant_id != session.tenant_id:
            raise TenantMismatch(f"a {type(row).__name__} of another tenant in this tenant's session")


@event.listens_for(TenantSession, "after_flush")
@event.listens_for(SystemSession, "after_flush")
def _revise(session: Session, _context: UOWTransaction) -> None:
    changed = (*session.new, *session.deleted, *(row for row in session.dirty if session.is_modified(row)))
    _move(session, {row.configuration_kind for row in changed if isinstance(row, Configuration)})


@event.listens_for(TenantSession, "do_orm_execute")
@event.listens_for(SystemSession, "do_orm_execute")
def _revise_in_bulk(state: ORMExecuteState) -> None:
    if not isinstance(state.statement, Insert | Update | Delete):
        return
    table = getattr(state.statement.table, "name", None)
    for mapper in Base.registry.mappers:
        if issubclass(mapper.class_, Configuration) and getattr(mapper.local_table, "name", None) == table:
            _move(state.session, {mapper.class_.configuration_kind})


def _move(session: Session, kinds: Collection[ConfigurationKind]) -> None:
    """Move the revisions of `kinds`, each once: a session is one transaction, without savepoints."""
    moved: set[ConfigurationKind] = session.info.setdefault("moved_revisions", set())
    move_revisions(session.connection(), set(kinds) - moved)
    moved.update(kinds)
