"""Telling a provider that a grant has ended: the call, and the job that makes it until it is taken or given up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.installation import Installation
from gateway.oauth import vault
from gateway.oauth.app_credentials.app import made_app
from gateway.oauth.connections.rows import KEPT
from gateway.oauth.models import AppCredentials, Connection, Revocation
from gateway.oauth.protocol.endpoints import endpoints
from gateway.oauth.protocol.http import http_of
from gateway.oauth.protocol.revocation import revoke
from gateway.telemetry.logging import get_logger
from gateway.tenants.acting import Acting

if TYPE_CHECKING:
    from gateway.jobs.run import JobRun

NOT_TOLD: Final = "revoked_here_alone"

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a provider is told with. `secrets` are those of the connection and of the app, by field."""

    provider: str
    client_id: str
    parameters: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    kept: Mapping[str, str] = field(repr=False)
    account_id: str | None


def tell_provider(installation: Installation, grant: Grant, clock: Clock) -> bool:
    """Have `grant` ended there; False where nobody can be told. Raises `ProviderError`, and `InvalidInput` where its
    entry is gone.
    """
    http = http_of(installation)
    row = AppCredentials(
        id="", name="", provider=grant.provider, client_id=grant.client_id, parameters=dict(grant.parameters)
    )
    app = made_app(installation, row, grant.secrets)
    sealed = {name.removeprefix(KEPT): value for name, value in grant.secrets.items() if name.startswith(KEPT)}
    kept = {**grant.kept, **sealed}
    where = endpoints(app, http, clock, kept=kept)
    now_us = clock.now_us()
    return revoke(app, where, http, secrets=grant.secrets, kept=kept, account_id=grant.account_id, now_us=now_us)


def carry_out(run: JobRun) -> Mapping[str, str]:
    """Carry out a revocation. Raises what `tell_provider` does, to be tried again, until it gives up."""
    revocation_id = run.payload["revocation"]
    with run.begin(write=False) as acting:
        row = acting.session.get(Revocation, revocation_id)
        if row is None:
            return {"outcome": "gone"}
        secrets = vault.read(acting.session, run.installation.keyring, revocation_id)
        grant = Grant(
            provider=row.provider,
            client_id=row.client_id,
            parameters=row.parameters,
            secrets=secrets,
            kept=row.kept,
            account_id=row.account_id,
        )
        gives_up = acting.now >= row.gives_up_at
    outcome = "revoked"
    try:
        tell_provider(run.installation, grant, run.clock)
    except GatewayError as error:
        if not gives_up:
            raise
        outcome = "given_up"
        _log.error(
            "a grant was not ended at its provider, and nobody tries again: end it there by hand",
            connection=row.connection_id,
            provider=row.provider,
            code=error.code,
        )
    with run.begin() as acting:
        _forget(acting, revocation_id, given_up=outcome == "given_up")
    return {"outcome": outcome}


def _forget(acting: Acting, revocation_id: str, *, given_up: bool) -> None:
    session = acting.session
    row = session.get(Revocation, revocation_id)
    if row is None:
        return
    connection = session.get(Connection, row.connection_id)
    if given_up and connection is not None:
        connection.reason = NOT_TOLD
        connection.detail = "ended here; the provider could not be told, where it is to be ended by hand"
        connection.updated_at = acting.now
    vault.forget(session, revocation_id)
    session.delete(row)
