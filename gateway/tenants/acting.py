"""Acting: what every use case is given. Who acts for which tenant, on which installation, in which transaction.

A door (command, API, page) opens one with `act`, calls use cases with it, and shows what they return. Leaving the block
commits, an exception rolls back. A use case of several transactions takes a `Begin` and opens each by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, TypeAlias

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from gateway.clock import from_us
from gateway.db.after_commit import after_commit
from gateway.db.scope import SystemSession, TenantSession
from gateway.deferred import deferred
from gateway.errors import Conflict, Hint, NotFound
from gateway.installation import Installation
from gateway.security.sealing import Keyring
from gateway.tenants.audit import Actor, AuditEntry, AuditTrail, differences
from gateway.tenants.audit_trail.trail import ChainedAuditTrail
from gateway.tenants.directory import TenantSummary, find_tenant
from gateway.tenants.models import DEFAULT_TENANT, Tenant

# Every command comes by here, and those that only read have nothing to log.
_logging = deferred("gateway.telemetry.logging")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Acting:
    """`now_us` is when the transaction began; everything in it happens at that time."""

    installation: Installation
    actor: Actor
    now_us: int
    request_id: str | None
    is_writing: bool
    entries: list[AuditEntry] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """The same time, aware UTC."""
        return from_us(self.now_us)

    def _audit(
        self,
        tenant_id: str | None,
        action: str,
        object_id: str,
        name: str | None,
        before: object | None,
        after: object | None,
    ) -> None:
        if not self.is_writing:
            raise RuntimeError(f"{action} in a transaction that was opened for reading")
        old, new = differences(before, after)
        self.entries.append(
            AuditEntry(self.now, tenant_id, self.actor, self.request_id, action, object_id, name, old, new)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting(_Acting):
    """Somebody acting for one tenant, whose rows `session` sees."""

    session: TenantSession
    tenant: TenantSummary

    def audit(
        self,
        action: str,
        object_id: str,
        name: str | None = None,
        *,
        before: object | None = None,
        after: object | None = None,
    ) -> None:
        """Note that `action` (`source.added`, …) happened to the thing with this id and name, in this transaction.

        `before` and `after` are the thing without its secrets: dataclasses or mappings.
        """
        self._audit(self.tenant.id, action, object_id, name, before, after)

    @property
    def keyring(self) -> Keyring:
        """The encryption keys, to seal with in this transaction. Raises `ConfigurationError`, `StorageUnavailable`."""
        self.installation.claim_keys(self.session.connection())
        return self.installation.keyring

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` when this transaction has committed; see `gateway.db.after_commit`."""
        after_commit(self.session.connection(), callback)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemActing(_Acting):
    """Somebody acting for no tenant: `session` sees all of them."""

    session: SystemSession

    def audit(
        self,
        action: str,
        object_id: str,
        name: str | None = None,
        *,
        tenant_id: str | None = None,
        before: object | None = None,
        after: object | None = None,
    ) -> None:
        """As `Acting.audit`, for the tenant that it concerns, if any."""
        self._audit(tenant_id, action, object_id, name, before, after)


Begin: TypeAlias = Callable[[], AbstractContextManager[Acting]]
"""Opens the next transaction, for writing, of one who acts: `act` with its arguments."""


class Transactions(Protocol):
    """Opens one transaction after the other, of one who acts: for writing unless it is said otherwise."""

    def __call__(self, *, write: bool = True) -> AbstractContextManager[Acting]: ...


_TRAIL = ChainedAuditTrail()


@contextmanager
def act(
    installation: Installation,
    *,
    actor: Actor,
    tenant: str | TenantSummary = DEFAULT_TENANT,
    write: bool = False,
    request_id: str | None = None,
    audit: AuditTrail = _TRAIL,
) -> Iterator[Acting]:
    """One transaction of `actor` for `tenant`, which is found by its slug.

    Raises `NotFound` when there is no such tenant, `StorageUnavailable`, and `Conflict` when it is being erased, or
    where somebody else was quicker with what may be there once only.
    """
    if isinstance(tenant, TenantSummary):
        found = tenant
    else:
        with installation.database.system_session() as system:
            found = find_tenant(system, tenant)
    _require_kept(found)
    with _conflicts(), installation.database.tenant_session(found.id, write=write) as session:
        if write:
            _hold(session, found)
        acting = Acting(
            installation=installation,
            session=session,
            tenant=found,
            actor=actor,
            now_us=installation.clock.now_us(),
            request_id=request_id,
            is_writing=write,
        )
        yield acting
        _keep(audit, acting)


@contextmanager
def act_for_system(
    installation: Installation,
    *,
    actor: Actor,
    write: bool = False,
    request_id: str | None = None,
    audit: AuditTrail = _TRAIL,
) -> Iterator[SystemActing]:
    """One transaction of `actor` that belongs to no tenant. Raises `StorageUnavailable`."""
    with _conflicts(), installation.database.system_session(write=write) as session:
        acting = SystemActing(
            installation=installation,
            session=session,
            actor=actor,
            now_us=installation.clock.now_us(),
            request_id=request_id,
            is_writing=write,
        )
        yield acting
        _keep(audit, acting)


def _require_kept(tenant: TenantSummary) -> None:
    if tenant.erasing_at is not None:
        raise Conflict(f"the tenant {tenant.slug!r} is being erased", Hint("finish_erasing", {"slug": tenant.slug}))


_HELD = select(Tenant.erasing_at).where(Tenant.id == bindparam("tenant_id")).with_for_update(read=True, key_share=True)


def _hold(session: TenantSession, tenant: TenantSummary) -> None:
    """From here to the end of the transaction the tenant is not gone: what is written is not left behind without it."""
    row = session.execute(_HELD, {"tenant_id": tenant.id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no tenant {tenant.slug!r}")
    _require_kept(replace(tenant, erasing_at=row.erasing_at))


@contextmanager
def _conflicts() -> Iterator[None]:
    """What was not there when a use case looked may be when it writes."""
    try:
        yield
    except IntegrityError as error:
        message = "somebody else added or removed what this is about at the same moment: look, and try again"
        raise Conflict(message) from error


def _keep(audit: AuditTrail, acting: Acting | SystemActing) -> None:
    if acting.entries:
        acting.session.flush()
        audit.keep(acting.session, acting.entries)
        after_commit(acting.session.connection(), lambda: _tell(acting.entries))


def _tell(entries: Sequence[AuditEntry]) -> None:
    """A line for each change that is in the database now. What it was before and after is in the audit trail."""
    log = _logging.get_logger(__name__)
    for entry in entries:
        log.info(
            "changed",
            action=entry.action,
            object_id=entry.object_id,
            name=entry.object_name,
            tenant_id=entry.tenant_id,
            actor=entry.actor.name,
            request_id=entry.request_id,
        )
