"""Tokens that came for a connection which was ended meanwhile: they are to be ended too, at the provider."""

from __future__ import annotations

from sqlalchemy import select

from gateway.oauth import vault
from gateway.oauth.connections.rows import secrets_of
from gateway.oauth.models import Revocation
from gateway.oauth.protocol.values import Tokens
from gateway.oauth.refreshing.claim import Claim
from gateway.telemetry.logging import get_logger
from gateway.tenants.acting import Acting

_log = get_logger(__name__)


def leave_to_revocation(acting: Acting, held: Claim, tokens: Tokens) -> None:
    """Give `tokens` to the revocation that waits for the connection, in place of those that they renewed. Where none
    waits, the connection was ended here alone, or connected anew, and they are let go of.
    """
    statement = select(Revocation).where(Revocation.connection_id == held.connection_id).with_for_update()
    found = acting.session.scalars(statement).first()
    if found is None:
        _log.info("an answer came too late and was dropped", connection=held.connection_id, provider=held.provider)
        return
    secrets = secrets_of(tokens)
    keyring, now = acting.keyring, acting.now
    vault.write(acting.session, keyring, tenant_id=held.tenant_id, owner_id=found.id, secrets=secrets, now=now)
