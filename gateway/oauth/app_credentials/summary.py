"""App credentials as they are shown: without a secret, with their redirect URI and the connections that use them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text

from gateway.errors import InvalidInput
from gateway.oauth.app_credentials.app import entry_of, redirect_uri
from gateway.oauth.models import IS_LIVE, AppCredentials, Connection, VaultEntry
from gateway.oauth.states import ConnectionState
from gateway.out_of_order import OutOfOrder, OutOfOrderCode
from gateway.tenants.acting import Acting


@dataclass(frozen=True, slots=True)
class ConnectionCounts:
    """The live connections of one app, by their state."""

    connected: int = 0
    degraded: int = 0
    refresh_uncertain: int = 0
    needs_reauth: int = 0

    @property
    def total(self) -> int:
        return self.connected + self.degraded + self.refresh_uncertain + self.needs_reauth


@dataclass(frozen=True, slots=True)
class AppSummary:
    """`secrets` are the names of those that are held. `redirect_uri` is what is registered at the provider, None where
    nobody is sent there. `scopes` None: the entry's.
    """

    id: str
    name: str
    provider: str
    client_id: str
    secrets: Sequence[str]
    parameters: Mapping[str, str]
    scopes: Sequence[str] | None
    redirect_uri: str | None
    connections: ConnectionCounts
    disabled_at: datetime | None
    created_at: datetime
    updated_at: datetime
    out_of_order: OutOfOrder | None = None

    @property
    def state(self) -> str:
        """Whether accounts can be connected, in a word."""
        if self.disabled_at is not None:
            return "disabled"
        return "enabled" if self.out_of_order is None else self.out_of_order.state


def summaries(acting: Acting, rows: Sequence[AppCredentials]) -> tuple[AppSummary, ...]:
    """`rows` as they are shown; their secrets' names and their connections are read in one statement each."""
    ids = [row.id for row in rows]
    held = _held(acting, ids)
    counts = _counts(acting, ids)
    return tuple(_summary(acting, row, held[row.id], counts.get(row.id, ConnectionCounts())) for row in rows)


def summary(acting: Acting, row: AppCredentials) -> AppSummary:
    """One of them."""
    [found] = summaries(acting, [row])
    return found


def live_connections(acting: Acting, app_id: str) -> int:
    """How many connections are alive by these app credentials."""
    return _counts(acting, [app_id]).get(app_id, ConnectionCounts()).total


def _held(acting: Acting, ids: Collection[str]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    statement = select(VaultEntry.owner_id, VaultEntry.field).where(VaultEntry.owner_id.in_(ids))
    for owner_id, field in acting.session.execute(statement.order_by(VaultEntry.field)):
        found[owner_id].append(field)
    return found


def _counts(acting: Acting, ids: Collection[str]) -> dict[str, ConnectionCounts]:
    by_state: dict[str, dict[str, int]] = defaultdict(dict)
    statement = (
        select(Connection.app_credentials_id, Connection.state, func.count())
        .where(Connection.app_credentials_id.in_(ids), text(IS_LIVE))
        .group_by(Connection.app_credentials_id, Connection.state)
    )
    for app_id, state, count in acting.session.execute(statement):
        by_state[app_id or ""][ConnectionState(state).value] = count
    return {app_id: ConnectionCounts(**states) for app_id, states in by_state.items()}


def _summary(acting: Acting, row: AppCredentials, held: Sequence[str], connections: ConnectionCounts) -> AppSummary:
    uri, broken = None, None
    try:
        provider, oauth = entry_of(acting.installation, row.provider)
        if oauth.authorize is not None:
            uri = redirect_uri(acting.installation, provider.id, oauth, row.id)
    except InvalidInput as error:
        broken = OutOfOrder(row.id, row.tenant_id, row.name, OutOfOrderCode.PROVIDER_UNKNOWN, str(error))
    return AppSummary(
        id=row.id,
        name=row.name,
        provider=row.provider,
        client_id=row.client_id,
        secrets=tuple(held),
        parameters=row.parameters,
        scopes=row.scopes,
        redirect_uri=uri,
        connections=connections,
        disabled_at=row.disabled_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        out_of_order=broken,
    )
