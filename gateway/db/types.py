"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Dialect, String
from sqlalchemy.types import TypeDecorator

from gateway.clock import from_us, to_us


class UtcTimestamp(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as integer microseconds since the epoch.

    An integer compares and indexes alike on both databases, and the hot paths read and write it without
    conversion. On a psql prompt: `to_timestamp(column / 1e6)`.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_us(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_us(value)


# Ids and keys sort by their bytes on every database, whatever its locale: pages of a list and the order of
# deliveries depend on it, and byte order makes the indexes cheaper.
Identifier = String(64).with_variant(String(64, collation="C"), "postgresql")
Key = String(255).with_variant(String(255, collation="C"), "postgresql")
# Room for a source's slug and a key.
Term = String(400).with_variant(String(400, collation="C"), "postgresql")
