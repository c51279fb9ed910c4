"""Which worker carries out which replay: leases on the rows of `replays`.

Next is who has waited longest since it had its turn; of each tenant one at a time, which a unique index holds too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from gateway.db import lease
from gateway.db.database import Database

LEASE_SECONDS = 15.0

_HAS_ENDED = (
    f"(lease_token IS NULL OR {lease.HAS_ENDED} OR ({lease.IS_OF_ANOTHER_TIME.format(column='lease_expires_at')}))"
)
_NEXT = f"""
SELECT id FROM replays
WHERE state IN ('pending', 'running') AND ((state = 'running' AND {_HAS_ENDED}) OR (state = 'pending' AND NOT EXISTS (
    SELECT 1 FROM replays AS other WHERE other.tenant_id = replays.tenant_id AND other.state = 'running'
)))
ORDER BY scheduled_at, id LIMIT 1
"""  # noqa: S608 (constants)
_ANY = text(_NEXT)
_CLAIM = f"""
UPDATE replays SET state = 'running', started_at = COALESCE(started_at, :now_us), lease_expires_at = :expires_at_us,
    {lease.TAKE}
WHERE id = ({_NEXT}{{lock}}) RETURNING id, tenant_id
"""  # noqa: S608 (constants)
_CLAIMS = {
    "sqlite": text(_CLAIM.format(lock="")),
    "postgresql": text(_CLAIM.format(lock="FOR UPDATE SKIP LOCKED")),
}
_KEEP = text(
    "UPDATE replays SET lease_expires_at = :expires_at_us, scheduled_at = :now_us "
    "WHERE id = :id AND lease_token = :token"
)
_LET_GO = text(
    f"UPDATE replays SET scheduled_at = :now_us, {lease.LET_GO} "  # noqa: S608 (constants)
    "WHERE id = :id AND lease_token = :token"
)


class Claim(NamedTuple):
    """The right to carry out a replay, as long as the lease holds."""

    id: str
    tenant_id: str
    token: str


def claim(database: Database, now_us: int) -> Claim | None:
    """The next replay; None when there is none. Raises `StorageUnavailable`."""
    with database.read() as connection:
        # Nearly always there is none, and nobody has to wait for a look.
        if connection.execute(_ANY, _times(now_us)).first() is None:
            return None
    token = lease.new_token()
    try:
        with database.write() as connection:
            statement = _CLAIMS[connection.dialect.name]
            found = connection.execute(statement, {**_times(now_us), "token": token}).first()
    except IntegrityError:
        # Another worker has just begun one of the same tenant.
        return None
    return None if found is None else Claim(found.id, found.tenant_id, token)


def has_others(database: Database, now_us: int) -> bool:
    """Whether another replay waits for a worker. Raises `StorageUnavailable`."""
    with database.read() as connection:
        return connection.execute(_ANY, _times(now_us)).first() is not None


def keep(database: Database, held: Claim, now_us: int) -> bool:
    """Hold it for longer; False when it is lost: cancelled, or somebody else's. Raises `StorageUnavailable`."""
    with database.write() as connection:
        return connection.execute(_KEEP, _mine(held, now_us)).rowcount == 1


def let_go(database: Database, held: Claim, now_us: int) -> None:
    """Somebody else may go on with it, after those that wait. Raises `StorageUnavailable`."""
    with database.write() as connection:
        connection.execute(_LET_GO, _mine(held, now_us))


def _times(now_us: int) -> Mapping[str, Any]:
    return {
        "now_us": now_us,
        "limit_us": lease.limit_us(now_us),
        "expires_at_us": lease.expires_at_us(now_us, LEASE_SECONDS),
    }


def _mine(held: Claim, now_us: int) -> Mapping[str, Any]:
    return {**_times(now_us), "id": held.id, "token": held.token}
