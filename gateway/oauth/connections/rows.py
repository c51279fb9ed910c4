"""The row of a connection: found, made once for an account, and what of it goes into the vault."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Insert, Table, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from gateway.errors import InvalidInput, NotFound
from gateway.oauth.models import IS_AWAITED, AppCredentials, Connection
from gateway.oauth.protocol.values import Tokens
from gateway.oauth.vault import ACCESS_TOKEN, REFRESH_TOKEN

SECOND_ACCESS_TOKEN = "second_access_token"  # noqa: S105 (the name of a field)
SECOND_REFRESH_TOKEN = "second_refresh_token"  # noqa: S105 (the name of a field)
KEPT = "kept."
"""Before the name of a kept value that is sealed."""

_IS_AWAITED = text(IS_AWAITED)


def require_connection(session: Session, connection_id: str, *, lock: bool = False) -> Connection:
    """The row of a connection; `lock`ed until the transaction ends. Raises `NotFound`."""
    statement = select(Connection).where(Connection.id == connection_id)
    found = session.scalars(statement.with_for_update() if lock else statement).first()
    if found is None:
        raise NotFound(f"there is no connection {connection_id!r}")
    return found


def hold_app(session: Session, app: AppCredentials) -> None:
    """From here to the end of the transaction nobody removes `app`: a connection is not left behind without it.

    Raises `InvalidInput` where somebody was quicker.
    """
    held = select(AppCredentials.id).where(AppCredentials.id == app.id).with_for_update(read=True, key_share=True)
    if session.scalar(held) is None:
        raise InvalidInput("the app credentials were removed meanwhile")


def account_digest(key: str | None, *, app_credentials_id: str | None, reference: str | None) -> bytes | None:
    """`Connection.account_key`: one account that is connected by other app credentials, or for another customer of
    the application, is another connection.
    """
    if key is None:
        return None
    parts = (app_credentials_id or "", reference or "", key)
    return hashlib.sha256("\x00".join(f"{len(part)}:{part}" for part in parts).encode()).digest()


def find_account(session: Session, *, tenant_id: str, provider: str, account_key: bytes) -> Connection | None:
    """The live connection of an account, locked until the transaction ends."""
    statement = select(Connection).where(
        Connection.tenant_id == tenant_id, Connection.provider == provider, Connection.account_key == account_key
    )
    return session.scalars(statement.where(_IS_AWAITED).with_for_update()).first()


def insert_connection(session: Session, row: Mapping[str, Any]) -> Connection | None:
    """A new row, or None where there is a live connection of this account meanwhile.

    Waits for whoever is about to add one.
    """
    made = session.connection().execute(_insert(session, row)).scalar()
    return None if made is None else session.scalars(select(Connection).where(Connection.id == made)).one()


def secrets_of(tokens: Tokens) -> dict[str, str]:
    """What the vault keeps of a token answer, by field."""
    second = tokens.second
    found = {
        ACCESS_TOKEN: tokens.access_token,
        REFRESH_TOKEN: tokens.refresh_token,
        SECOND_ACCESS_TOKEN: None if second is None else second.access_token,
        SECOND_REFRESH_TOKEN: None if second is None else second.refresh_token,
        **{f"{KEPT}{name}": value for name, value in tokens.secret_kept.items()},
    }
    return {field: value for field, value in found.items() if value}


def _insert(session: Session, row: Mapping[str, Any]) -> Insert:
    table: Table = Connection.__table__  # type: ignore[assignment]
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table).values(row).on_conflict_do_nothing().returning(table.c.id)
    return postgresql.insert(table).values(row).on_conflict_do_nothing().returning(table.c.id)
