"""Which encryption keys the values of this database are sealed with, by their ids: so that no machine seals with a key
of its own what the others cannot open.

A key is claimed before the first value is sealed with it. The first key of a database is whoever's claims first;
another one only comes in where one of the known ones is at hand. Keys themselves never stand in the database.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import BigInteger, Connection, String, inspect, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.database import Database
from gateway.db.engine import sqlite_path
from gateway.db.model import Base
from gateway.errors import ConfigurationError, Hint
from gateway.security.sealing import Keyring


class SealingKey(Base):
    """A key that values are sealed with. `id` is `sealing.key_id` in hex; `claimed_at` in microseconds."""

    __tablename__ = "encryption_keys"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    claimed_at: Mapped[int] = mapped_column(BigInteger)


_KNOWN = text("SELECT id FROM encryption_keys")
_CLAIM = text("INSERT INTO encryption_keys (id, claimed_at) VALUES (:id, :now_us) ON CONFLICT DO NOTHING")
_CLAIMED_AT = text("SELECT claimed_at FROM encryption_keys WHERE id = :id")
_IS_KNOWN = text("SELECT id FROM encryption_keys WHERE id = :id")
# Shared: whoever seals holds up nobody but who would have the key forgotten.
_HOLD = text("SELECT id FROM encryption_keys WHERE id = :id FOR KEY SHARE")
_FORGET = text("DELETE FROM encryption_keys WHERE id = :id")
# Two machines that find no key at the same moment take turns: one row must not be inserted beside another unseen.
_POSTGRES_LOCK = text("LOCK TABLE encryption_keys IN SHARE ROW EXCLUSIVE MODE")


def known_keys(database: Database) -> frozenset[str]:
    """The ids of the keys that values are sealed with; none where there is no database or no schema yet.

    Raises `StorageUnavailable`.
    """
    path = sqlite_path(database.engine)
    if path is not None and not path.exists():
        return frozenset()
    with database.read() as connection:
        return _known(connection) if inspect(connection).has_table(SealingKey.__tablename__) else frozenset()


def require_keys(known: Collection[str], keyring: Keyring | None) -> None:
    """Raise `ConfigurationError` where values are sealed and none of their keys is at hand. Pure."""
    held = frozenset(keyring.ids) if keyring is not None else frozenset()
    if not known or held & frozenset(known):
        return
    needed = " or ".join(sorted(known))
    here = f"the key here is {' or '.join(sorted(held))}" if held else "there is no key here"
    raise ConfigurationError(
        [f"the database holds values that are sealed with encryption key {needed}, and {here}"],
        Hint("bring_back_key", {"ids": sorted(known)}),
    )


def claim_key(connection: Connection, keyring: Keyring, *, now_us: int) -> None:
    """Make the first key of `keyring` known, in the transaction that seals with it or before.

    Raises `ConfigurationError` as `require_keys`.
    """
    if _is_held(connection, keyring.ids[0]):
        return
    if connection.dialect.name == "postgresql":
        connection.execute(_POSTGRES_LOCK)
    require_keys(_known(connection), keyring)
    connection.execute(_CLAIM, {"id": keyring.ids[0], "now_us": now_us})


def remember_key(connection: Connection, key_id: str, *, now_us: int) -> None:
    """Values need the key after all."""
    connection.execute(_CLAIM, {"id": key_id, "now_us": now_us})


def claimed_at_us(connection: Connection, key_id: str) -> int | None:
    """When this key was claimed first, None where it is not known."""
    return connection.execute(_CLAIMED_AT, {"id": key_id}).scalar()


def forget_key(connection: Connection, key_id: str) -> bool:
    """Nothing is sealed with the key any more, or what is will never be opened; whether it was known."""
    return connection.execute(_FORGET, {"id": key_id}).rowcount > 0


def _is_held(connection: Connection, key_id: str) -> bool:
    """Whether the key is known, and stays so until the transaction is over."""
    # Writers of SQLite are alone.
    lock = _HOLD if connection.dialect.name == "postgresql" else _IS_KNOWN
    return connection.execute(lock, {"id": key_id}).first() is not None


def _known(connection: Connection) -> frozenset[str]:
    return frozenset(connection.execute(_KNOWN).scalars())
