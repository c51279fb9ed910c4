"""The keys that open, as a process keeps them in memory: so that showing one costs no look into the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Select, select

from gateway.clock import to_us
from gateway.db.database import Database
from gateway.db.model import ConfigurationKind
from gateway.tenants.api_keys.models import ApiKey
from gateway.tenants.api_keys.scopes import Scope, effective
from gateway.tenants.directory import TenantSummary, summary_of
from gateway.tenants.models import Tenant
from gateway.tenants.standing import load_standings


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key that was not revoked, with its tenant. `scopes` has what they include too."""

    id: str
    name: str
    tenant: TenantSummary
    scopes: frozenset[Scope]
    digest: bytes = field(repr=False)
    expires_at_us: int | None

    def is_live(self, now_us: int) -> bool:
        """Whether its time is not over."""
        return self.expires_at_us is None or self.expires_at_us > now_us


@dataclass(frozen=True, slots=True)
class KeySnapshot:
    """`keys` by their ids, `tenants` by their slugs."""

    keys: Mapping[str, KeyView] = field(default_factory=dict)
    tenants: Mapping[str, TenantSummary] = field(default_factory=dict)


class KeyLoader:
    """Loads the snapshot; give it to `gateway.db.snapshot.Snapshot`."""

    def __init__(self) -> None:
        self._loaded = KeySnapshot()

    def __call__(self, database: Database, moved: frozenset[ConfigurationKind]) -> KeySnapshot:
        if moved & {ConfigurationKind.API_KEYS, ConfigurationKind.TENANTS}:
            with database.system_session() as session:
                tenants = {tenant.slug: tenant for tenant in load_standings(session).values()}
                keys = {key.id: _view(key, tenant) for key, tenant in session.execute(_live())}
            self._loaded = KeySnapshot(keys, tenants)
        return self._loaded


def look_up(database: Database, key_id: str) -> KeyView | None:
    """One key as the database has it now; None when there is none, or it was revoked. Raises `StorageUnavailable`."""
    with database.system_session() as session:
        found = session.execute(_live().where(ApiKey.id == key_id)).first()
        return _view(*found) if found is not None else None


def look_up_tenant(database: Database, slug: str) -> TenantSummary | None:
    """One tenant as the database has it now; None when there is none, or it is being erased.

    Raises `StorageUnavailable`.
    """
    with database.system_session() as session:
        found = session.scalars(select(Tenant).where(Tenant.slug == slug, Tenant.erasing_at.is_(None))).first()
        return summary_of(found) if found is not None else None


def _live() -> Select[ApiKey, Tenant]:
    joined = select(ApiKey, Tenant).join(Tenant, Tenant.id == ApiKey.tenant_id)
    return joined.where(ApiKey.revoked_at.is_(None), Tenant.erasing_at.is_(None))


def _view(key: ApiKey, tenant: Tenant) -> KeyView:
    # A scope of a later version means nothing here.
    known = [scope for scope in Scope if scope in key.scopes]
    expires_at_us = None if key.expires_at is None else to_us(key.expires_at)
    return KeyView(key.id, key.name, summary_of(tenant), effective(known), key.digest, expires_at_us)
