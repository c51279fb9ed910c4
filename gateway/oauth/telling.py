"""Events of our own about connections, journalled and routed in the transaction of whoever changed one."""

from __future__ import annotations

from functools import partial

from sqlalchemy.orm import Session

from gateway.db.after_commit import after_commit
from gateway.deferred import deferred
from gateway.events.system import connection_changed
from gateway.installation import Installation
from gateway.oauth.models import AppCredentials, Connection

# Loaded with all that delivers, when something is told.
_append = deferred("gateway.events.append")
_enqueue = deferred("gateway.delivery.queue.enqueue")
_loader = deferred("gateway.delivery.routes.loader")
_system_events = deferred("gateway.delivery.system_events")


def tell(
    session: Session,
    installation: Installation,
    event_type: str,
    connection: Connection,
    *,
    expires_at: str | None = None,
) -> None:
    """Journal `event_type` (`gateway.connection.…`, one of `events.system`) about `connection` as it is now, with its
    deliveries, in the transaction of `session`; workers hear of it after the commit.

    Reads the tenant's routes: for what happens now and then, and not for thousands in a row.
    """
    now_us = installation.clock.now_us()
    session.flush()
    tenant_id = connection.tenant_id
    app = session.get(AppCredentials, connection.app_credentials_id) if connection.app_credentials_id else None
    occurrence = connection_changed(
        tenant_id,
        event_type,
        connection_id=connection.id,
        provider=connection.provider,
        app_credentials=None if app is None else app.name,
        reference=connection.reference,
        account_id=connection.account_id,
        account_label=connection.account_label,
        state=connection.state,
        reason=connection.reason,
        detail=connection.detail,
        expires_at=expires_at,
    )
    within = session.connection()
    routing = _loader.load_tenant_routing(
        within, installation.settings, installation.keyring, tenant_id=tenant_id, now_us=now_us
    )
    event, deliveries = _system_events.system_event(routing, occurrence, now_us=now_us)
    _append.append_events(within, [event])
    _enqueue.insert_deliveries(within, deliveries)
    after_commit(within, partial(installation.announcements.deliveries, [one.id for one in deliveries]))
