"""Events of our own about connections, journalled and routed in the transaction of whoever changed one."""

from __future__ import annotations

from sqlalchemy.orm import Session

from gateway.delivery.telling import tell as tell_of
from gateway.events.system import connection_changed
from gateway.installation import Installation
from gateway.oauth.models import AppCredentials, Connection


def tell(
    session: Session,
    installation: Installation,
    event_type: str,
    connection: Connection,
    *,
    expires_at: str | None = None,
) -> None:
    """Journal `event_type` (`gateway.connection.…`, one of `events.system`) about `connection` as it is now, in the
    transaction of `session`.
    """
    session.flush()
    app = session.get(AppCredentials, connection.app_credentials_id) if connection.app_credentials_id else None
    occurrence = connection_changed(
        connection.tenant_id,
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
    tell_of(session, installation, [occurrence])
