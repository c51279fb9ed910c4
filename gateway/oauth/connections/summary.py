"""A connection as it is shown: never a secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.oauth.connections.scopes import missing
from gateway.oauth.models import AppCredentials, Connection


@dataclass(frozen=True, slots=True)
class AccountSummary:
    """Whose account it is, as far as the provider says: its id there, and what people call it."""

    id: str | None
    label: str | None


@dataclass(frozen=True, slots=True)
class ConnectionSummary:
    """`app_credentials` is their name, None for a way without. `scopes_granted` None: the provider does not say."""

    id: str
    provider: str
    app_credentials: str | None
    way: str
    state: str
    reason: str | None
    detail: str | None
    reference: str | None
    account: AccountSummary
    scopes_asked: Sequence[str]
    scopes_granted: Sequence[str] | None
    scopes_missing: Sequence[str]
    parameters: Mapping[str, str]
    kept: Mapping[str, str]
    access_expires_at: datetime | None
    refresh_expires_at: datetime | None
    refresh_at: datetime | None
    refreshed_at: datetime | None
    connected_at: datetime
    created_at: datetime
    updated_at: datetime
    revoked_at: datetime | None

    @property
    def name(self) -> str:
        """What people know it by."""
        return self.account.label or self.account.id or self.id


def summaries(session: Session, connections: Sequence[Connection]) -> tuple[ConnectionSummary, ...]:
    """`connections` as they are shown; the names of their app credentials are read in one statement."""
    wanted = {row.app_credentials_id for row in connections if row.app_credentials_id is not None}
    statement = select(AppCredentials.id, AppCredentials.name).where(AppCredentials.id.in_(wanted))
    names = dict(iter(session.execute(statement))) if wanted else {}
    return tuple(_summary(row, names) for row in connections)


def summary(session: Session, connection: Connection) -> ConnectionSummary:
    """One connection as it is shown."""
    [found] = summaries(session, [connection])
    return found


def _summary(row: Connection, names: Mapping[str, str]) -> ConnectionSummary:
    app_id = row.app_credentials_id
    return ConnectionSummary(
        id=row.id,
        provider=row.provider,
        app_credentials=None if app_id is None else names.get(app_id, app_id),
        way=row.way,
        state=row.state,
        reason=row.reason,
        detail=row.detail,
        reference=row.reference,
        account=AccountSummary(row.account_id, row.account_label),
        scopes_asked=row.scopes_asked,
        scopes_granted=row.scopes_granted,
        scopes_missing=missing(row.scopes_asked, row.scopes_granted),
        parameters=row.parameters,
        kept=row.kept,
        access_expires_at=row.access_expires_at,
        refresh_expires_at=row.refresh_expires_at,
        refresh_at=row.refresh_at,
        refreshed_at=row.refreshed_at,
        connected_at=row.connected_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        revoked_at=row.revoked_at,
    )
