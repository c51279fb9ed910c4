"""The rows of connect sessions and flows: found by what somebody shows, used up by one statement, ended.

Whoever shows a token or a state is nobody yet, so that they are looked up in all tenants; all else happens in a
transaction of the tenant that was found.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.orm import Session

from gateway.db.scope import SystemSession
from gateway.installation import Installation
from gateway.oauth.flows.outcomes import Outcome, Refusal
from gateway.oauth.flows.return_to import return_fault
from gateway.oauth.flows.steps import FlowRefused, Visitor
from gateway.oauth.models import ConnectSession, Flow
from gateway.security.identifiers import new_id
from gateway.security.sealing import Keyring
from gateway.tenants.acting import Acting, act
from gateway.tenants.audit import Actor, ActorKind
from gateway.tenants.models import Tenant

LIFETIME = timedelta(minutes=10)
MOST_FLOWS = 50
"""Of one session: each try of its customer is one, and stays on record."""
CONTEXT = "flow"
BY_BROWSER, OAUTH1, DEVICE = "authorization_code", "oauth1", "device_code"
PARAMETERS, CHOICE = "parameters", "choice"
"""Kinds of flows: ways of connecting (`gateway.providers.ways`), and steps that are pages of ours."""


def find_session(installation: Installation, digest: bytes | None) -> ConnectSession:
    """The connect session whose token has this digest. Raises `FlowRefused`, `StorageUnavailable`."""
    with installation.database.system_session() as system:
        found = system.scalars(select(ConnectSession).where(ConnectSession.token_digest == digest)).first()
        judge_return(system, found)
    if digest is None or found is None:
        raise FlowRefused(Refusal.SESSION_UNKNOWN)
    return found


def find_flow(installation: Installation, digest: bytes | None, visitor: Visitor) -> tuple[Flow, ConnectSession]:
    """The open flow whose state has this digest, which the visitor's browser began, and its session.

    Raises `FlowRefused`, `StorageUnavailable`.
    """
    with installation.database.system_session() as system:
        flow = system.scalars(select(Flow).where(Flow.state_digest == digest)).first()
        session = None if flow is None else system.get(ConnectSession, flow.session_id)
        judge_return(system, session)
    if digest is None or flow is None or session is None:
        raise FlowRefused(Refusal.STATE_UNKNOWN)
    require_browser(flow.browser_digest, visitor)
    if flow.consumed_at is not None:
        raise FlowRefused(Refusal.STATE_USED)
    if flow.expires_at <= installation.now():
        raise FlowRefused(Refusal.STATE_EXPIRED)
    return flow, session


def judge_return(system: SystemSession, session: ConnectSession | None) -> None:
    """Have no browser sent back to an origin that the tenant has no more: then a page says what became of it. The row
    stays as it was.
    """
    if session is None or session.return_to is None:
        return
    origins = system.scalar(select(Tenant.return_origins).where(Tenant.id == session.tenant_id))
    if return_fault(session.return_to, origins or ()) is not None:
        system.expunge(session)
        session.return_to = None


def require_browser(digest: bytes | None, visitor: Visitor) -> None:
    """Raise for another browser than the one with this digest."""
    if digest is None or visitor.browser is None or not hmac.compare_digest(digest, visitor.browser):
        raise FlowRefused(Refusal.BROWSER_UNKNOWN)


@contextmanager
def acting_for(installation: Installation, session: ConnectSession, visitor: Visitor) -> Iterator[Acting]:
    """A writing transaction in the tenant of `session`, of whoever made it. Raises as `act`."""
    actor = Actor(ActorKind(session.asker_kind), session.asker_name, session.asker_id, visitor.address)
    tenant = session.tenant_id
    with act(installation, actor=actor, tenant=tenant, write=True, request_id=visitor.request_id) as acting:
        yield acting


def use_session(acting: Acting, session: ConnectSession, visitor: Visitor, *, form_digest: bytes | None = None) -> None:
    """Open the session, for this browser, unless somebody has. Raises `FlowRefused`."""
    statement = (
        update(ConnectSession)
        .where(
            ConnectSession.id == session.id,
            ConnectSession.opened_at.is_(None),
            ConnectSession.expires_at > acting.now,
        )
        .values(opened_at=acting.now, browser_digest=visitor.browser, form_digest=form_digest)
    )
    if not _is_done(acting.session, statement):
        is_late = session.opened_at is None and session.expires_at <= acting.now
        raise FlowRefused(Refusal.SESSION_EXPIRED if is_late else Refusal.SESSION_USED)


def require_tries(acting: Acting, session: ConnectSession) -> None:
    """Raise `FlowRefused` where the customer has tried as often as one session allows."""
    count = select(func.count()).select_from(Flow).where(Flow.session_id == session.id)
    if (acting.session.scalar(count) or 0) >= MOST_FLOWS:
        raise FlowRefused(Refusal.SESSION_SPENT)


def add_flow(
    acting: Acting,
    session: ConnectSession,
    visitor: Visitor,
    *,
    app_credentials_id: str,
    provider: str,
    kind: str,
    state_digest: bytes,
    kept: Mapping[str, Any],
    reconnect_id: str | None = None,
    scopes: list[str] | None = None,
    parameters: Mapping[str, str] | None = None,
) -> Flow:
    """A flow of `session` that begins now; `kept` is sealed until it goes on. `reconnect_id` is the connection that the
    customer chose to connect anew, where the session does not say.
    """
    flow = Flow(
        id=new_id("flow"),
        tenant_id=acting.tenant.id,
        session_id=session.id,
        app_credentials_id=app_credentials_id,
        reconnect_id=session.reconnect_id or reconnect_id,
        provider=provider,
        kind=kind,
        state_digest=state_digest,
        browser_digest=visitor.browser,
        scopes=scopes or [],
        parameters=dict(parameters or {}),
        created_at=acting.now,
        expires_at=acting.now + LIFETIME,
    )
    flow.sealed = seal(acting.keyring, flow, kept)
    acting.session.add(flow)
    acting.session.flush()
    return flow


def use_flow(acting: Acting, flow: Flow, outcome: Outcome | None) -> None:
    """Consume the flow: of all who try, one is not refused. It counts as ended with `outcome` until something else is
    said, so that a process that is killed leaves that. Raises `FlowRefused`.
    """
    statement = (
        update(Flow)
        .where(Flow.id == flow.id, Flow.consumed_at.is_(None))
        .values(consumed_at=acting.now, sealed=None, outcome=outcome)
    )
    if not _is_done(acting.session, statement):
        raise FlowRefused(Refusal.STATE_USED)


def end_flow(
    session: Session,
    flow_id: str,
    outcome: Outcome | None,
    *,
    now: datetime,
    detail: str | None = None,
    connection_id: str | None = None,
) -> None:
    """Say how the flow ended, None where another one goes on; it takes nothing more."""
    values = {"outcome": outcome, "detail": detail, "connection_id": connection_id, "sealed": None, "consumed_at": now}
    session.execute(_quietly(update(Flow).where(Flow.id == flow_id).values(values)))


def keep_request_token(session: Session, flow: Flow, *, state_digest: bytes, sealed: bytes) -> None:
    """Give an open flow the state and the secrets that the provider made (OAuth 1.0a)."""
    values = {"state_digest": state_digest, "sealed": sealed}
    session.execute(_quietly(update(Flow).where(Flow.id == flow.id, Flow.consumed_at.is_(None)).values(values)))


def seal(keyring: Keyring, flow: Flow, kept: Mapping[str, Any]) -> bytes:
    """What a flow keeps secret, tied to its row."""
    return keyring.seal(json.dumps(kept).encode(), context=(flow.tenant_id, flow.id, CONTEXT))


def opened(keyring: Keyring, flow: Flow) -> Mapping[str, Any]:
    """What `seal` made. Raises `DecryptionFailed`."""
    if flow.sealed is None:
        return {}
    found: Mapping[str, Any] = json.loads(keyring.open(flow.sealed, context=(flow.tenant_id, flow.id, CONTEXT)))
    return found


def _is_done(session: Session, statement: Any) -> bool:
    result = session.execute(_quietly(statement))
    return isinstance(result, CursorResult) and result.rowcount == 1


def _quietly(statement: Any) -> Any:
    return statement.execution_options(synchronize_session=False)
