"""Ending all grants of a tenant that is being erased, before its rows go: in a bounded time, and nobody tries again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from sqlalchemy import select, text

from gateway.errors import ConfigurationError, DecryptionFailed, GatewayError
from gateway.installation import Installation
from gateway.oauth import vault
from gateway.oauth.ending.at_provider import Grant, tell_provider
from gateway.oauth.ending.revoking import GRANTED
from gateway.oauth.models import IS_LIVE, AppCredentials, Connection, Revocation
from gateway.telemetry.logging import get_logger

BATCH_ROWS: Final = 200
THREADS: Final = 8
SECONDS: Final = 60.0

_log = get_logger(__name__)


def revoke_all(installation: Installation, tenant_id: str, *, checkpoint: Callable[[], None]) -> tuple[int, int]:
    """Tell the providers of all connections of the tenant, for `SECONDS` at most: how many were told, and how many not.

    Nothing is changed here, so that it may be done again. Raises `StorageUnavailable`.
    """
    clock = installation.clock
    ends_at = clock.monotonic() + SECONDS
    told = failed = 0

    def tell(grant: Grant) -> bool:
        if clock.monotonic() >= ends_at:
            return False
        try:
            tell_provider(installation, grant, clock)
        except GatewayError as error:
            _log.warning("a grant was not ended at its provider", provider=grant.provider, code=error.code)
            return False
        return True

    with ThreadPoolExecutor(THREADS, thread_name_prefix="revoke") as pool:
        try:
            for grants in _grants(installation, tenant_id):
                checkpoint()
                outcomes = list(pool.map(tell, grants))
                told += sum(outcomes)
                failed += len(outcomes) - sum(outcomes)
        except (DecryptionFailed, ConfigurationError) as error:
            # What cannot be opened cannot be ended, and is erased all the same.
            _log.error("grants of an erased tenant cannot be opened", tenant=tenant_id, code=error.code)
    if failed:
        _log.error("grants of an erased tenant live on at their providers", tenant=tenant_id, count=failed)
    return told, failed


def _grants(installation: Installation, tenant_id: str) -> Iterator[list[Grant]]:
    """In batches: what waits to be ended, then what is not ended yet."""
    with installation.database.tenant_session(tenant_id) as session:
        waiting = session.scalars(select(Revocation)).all()
        if waiting:
            secrets = vault.read_many(session, installation.keyring, [row.id for row in waiting])
            yield [_of_revocation(row, secrets.get(row.id, {})) for row in waiting]
        apps = {row.id: row for row in session.scalars(select(AppCredentials))}
    position = ""
    while True:
        with installation.database.tenant_session(tenant_id) as session:
            live = select(Connection).where(text(IS_LIVE), Connection.id > position).order_by(Connection.id)
            rows = session.scalars(live.limit(BATCH_ROWS)).all()
            granted = [row for row in rows if row.way in GRANTED and row.app_credentials_id in apps]
            ids = {*(row.id for row in granted), *(row.app_credentials_id for row in granted)}
            secrets = vault.read_many(session, installation.keyring, [one for one in ids if one]) if ids else {}
        yield [_of_connection(row, apps[row.app_credentials_id or ""], secrets) for row in granted if row.id in secrets]
        if len(rows) < BATCH_ROWS:
            return
        position = rows[-1].id


def _of_revocation(row: Revocation, secrets: dict[str, str]) -> Grant:
    return Grant(
        provider=row.provider,
        client_id=row.client_id,
        parameters=row.parameters,
        secrets=secrets,
        kept=row.kept,
        account_id=row.account_id,
    )


def _of_connection(row: Connection, app: AppCredentials, secrets: dict[str, dict[str, str]]) -> Grant:
    return Grant(
        provider=row.provider,
        client_id=app.client_id,
        parameters={**app.parameters, **row.parameters},
        secrets={**secrets.get(app.id, {}), **secrets[row.id]},
        kept=row.kept,
        account_id=row.account_id,
    )
