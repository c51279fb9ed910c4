"""The vault: secrets of apps and connections, sealed, each tied to its tenant, its owner and its field.

A value copied to another row, owner or tenant does not open (`gateway.security.sealing`). Nothing here is kept in
memory, and nothing shows a secret.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from gateway.oauth.models import VaultEntry
from gateway.security.sealing import Keyring

CONTEXT = "vault"

CLIENT_SECRET = "client_secret"  # noqa: S105 (the name of a field)
PRIVATE_KEY = "private_key"
ACCESS_TOKEN = "access_token"  # noqa: S105 (the name of a field)
REFRESH_TOKEN = "refresh_token"  # noqa: S105 (the name of a field)


def entry_context(tenant_id: str, owner_id: str, field: str) -> Sequence[str]:
    """What a secret is tied to."""
    return tenant_id, owner_id, CONTEXT, field


def seal_entry(keyring: Keyring, *, tenant_id: str, owner_id: str, field: str, value: str) -> bytes:
    """`value` as `VaultEntry.sealed_value` keeps it."""
    return keyring.seal(value.encode("utf-8"), context=entry_context(tenant_id, owner_id, field))


def open_entry(keyring: Keyring, row: VaultEntry) -> str:
    """The secret of `row`. Raises `DecryptionFailed`."""
    context = entry_context(row.tenant_id, row.owner_id, row.field)
    return keyring.open(row.sealed_value, context=context).decode("utf-8")


def read(session: Session, keyring: Keyring, owner_id: str) -> dict[str, str]:
    """All secrets of `owner_id` by field; none where it has none. Raises `DecryptionFailed`."""
    return read_many(session, keyring, [owner_id]).get(owner_id, {})


def read_many(session: Session, keyring: Keyring, owner_ids: Collection[str]) -> dict[str, dict[str, str]]:
    """The same of several owners, in one statement. Raises `DecryptionFailed`."""
    found: dict[str, dict[str, str]] = {}
    for row in session.scalars(select(VaultEntry).where(VaultEntry.owner_id.in_(owner_ids))):
        found.setdefault(row.owner_id, {})[row.field] = open_entry(keyring, row)
    return found


def fields(session: Session, owner_id: str) -> list[str]:
    """The names of what `owner_id` has; nothing is opened."""
    statement = select(VaultEntry.field).where(VaultEntry.owner_id == owner_id).order_by(VaultEntry.field)
    return list(session.scalars(statement))


def write(
    session: Session, keyring: Keyring, *, tenant_id: str, owner_id: str, secrets: Mapping[str, str], now: datetime
) -> None:
    """Store `secrets` by field, in place of those of the same fields. Others stay. The keyring is to be claimed before
    (`Acting.keyring`).
    """
    if not secrets:
        return
    chosen = select(VaultEntry).where(VaultEntry.owner_id == owner_id, VaultEntry.field.in_(secrets))
    known = {row.field: row for row in session.scalars(chosen)}
    for field, value in secrets.items():
        sealed = seal_entry(keyring, tenant_id=tenant_id, owner_id=owner_id, field=field, value=value)
        if field in known:
            known[field].sealed_value, known[field].updated_at = sealed, now
        else:
            session.add(
                VaultEntry(tenant_id=tenant_id, owner_id=owner_id, field=field, sealed_value=sealed, updated_at=now)
            )


def forget(session: Session, owner_id: str, fields: Iterable[str] | None = None) -> None:
    """Remove the secrets of `owner_id`: all, or those of `fields`."""
    statement = delete(VaultEntry).where(VaultEntry.owner_id == owner_id)
    if fields is not None:
        statement = statement.where(VaultEntry.field.in_(list(fields)))
    session.execute(statement)
