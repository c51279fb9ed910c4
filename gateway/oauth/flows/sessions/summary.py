"""A connect session as it is shown: what became of it, and never what stands in its URL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from gateway.oauth.flows.sessions.states import SessionState, outcome_of, state_of
from gateway.oauth.models import AppCredentials, ConnectSession, Flow
from gateway.tenants.acting import Acting


@dataclass(frozen=True, slots=True)
class ConnectSessionSummary:
    """`app_credentials` is their name, None where the customer chooses; `reconnect` the id of a connection.

    `outcome` is a code of `Outcome` once there is one, `detail` words for a person, `connection` what came of it.
    """

    id: str
    state: SessionState
    outcome: str | None
    detail: str | None
    connection: str | None
    app_credentials: str | None
    provider: str | None
    scopes: Sequence[str] | None
    parameters: Mapping[str, str]
    return_to: str | None
    reconnect: str | None
    reference: str | None
    theme: Mapping[str, str]
    embed: bool
    asker_kind: str
    asker_id: str | None
    asker_name: str
    created_at: datetime
    opened_at: datetime | None
    expires_at: datetime


def summaries(acting: Acting, sessions: Sequence[ConnectSession]) -> tuple[ConnectSessionSummary, ...]:
    """`sessions` as they are shown; flows and app credentials are read in one statement each."""
    flows: dict[str, list[Flow]] = defaultdict(list)
    chosen = select(Flow).where(Flow.session_id.in_([row.id for row in sessions])).order_by(Flow.id)
    for flow in acting.session.scalars(chosen):
        flows[flow.session_id].append(flow)
    app_ids = {row.app_credentials_id for row in sessions if row.app_credentials_id is not None}
    apps = acting.session.scalars(select(AppCredentials).where(AppCredentials.id.in_(app_ids)))
    by_id = {app.id: app for app in apps}
    return tuple(_summary(row, flows[row.id], by_id.get(row.app_credentials_id or ""), acting.now) for row in sessions)


def summary(acting: Acting, session: ConnectSession) -> ConnectSessionSummary:
    """One session as it is shown."""
    [found] = summaries(acting, [session])
    return found


def _summary(
    row: ConnectSession, flows: Sequence[Flow], app: AppCredentials | None, now: datetime
) -> ConnectSessionSummary:
    ended = outcome_of(flows, now)
    return ConnectSessionSummary(
        id=row.id,
        state=state_of(row, flows, now),
        outcome=None if ended is None else ended.outcome,
        detail=None if ended is None else ended.detail,
        connection=None if ended is None else ended.connection_id,
        app_credentials=row.app_credentials_id if app is None else app.name,
        provider=None if app is None else app.provider,
        scopes=row.scopes,
        parameters=row.parameters,
        return_to=row.return_to,
        reconnect=row.reconnect_id,
        reference=row.reference,
        theme=row.theme,
        embed=row.is_embedded,
        asker_kind=row.asker_kind,
        asker_id=row.asker_id,
        asker_name=row.asker_name,
        created_at=row.created_at,
        opened_at=row.opened_at,
        expires_at=row.expires_at,
    )
