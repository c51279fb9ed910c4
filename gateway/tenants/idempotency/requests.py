"""A request that may be sent twice, and is carried out once.

It is claimed, in a transaction of its own and with a lease, before it is carried out; its answer is kept in the very
transaction that carries it out. A process that is killed at any instruction leaves either both, the change and its
answer, or neither, and a claim that another may take over when its lease has ended. Answers are kept for 24 hours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from gateway.db import lease
from gateway.db.database import Database
from gateway.errors import DecryptionFailed
from gateway.security.sealing import Keyring

KEPT_FOR = timedelta(hours=24)
# Longer than any request takes: who is slower than that has lost its claim, and changes nothing.
LEASE_SECONDS = 60.0

_CLAIM = text(
    "INSERT INTO idempotent_requests (id, tenant_id, fingerprint, lease_token, lease_expires_at, expires_at) "
    "VALUES (:id, :tenant_id, :fingerprint, :token, :lease_expires_at, :expires_at) ON CONFLICT (id) DO UPDATE SET "
    "fingerprint = excluded.fingerprint, lease_token = excluded.lease_token, "
    "lease_expires_at = excluded.lease_expires_at, expires_at = excluded.expires_at, "
    "status = NULL, sealed_answer = NULL "
    # Over a day old; or nobody's any more, and the same is asked for.
    "WHERE idempotent_requests.expires_at <= :now_us OR (idempotent_requests.status IS NULL "
    "AND idempotent_requests.lease_expires_at <= :now_us AND idempotent_requests.fingerprint = excluded.fingerprint)"
)
_FIND = text(
    "SELECT fingerprint, lease_token, lease_expires_at, status, sealed_answer FROM idempotent_requests WHERE id = :id"
)
_ANSWER = text(
    "UPDATE idempotent_requests SET status = :status, sealed_answer = :sealed_answer, lease_token = NULL, "
    "lease_expires_at = NULL WHERE id = :id AND lease_token = :token"
)
_LET_GO = text("DELETE FROM idempotent_requests WHERE id = :id AND lease_token = :token")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered. `headers` without those that every answer has."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mark:
    """Who marked a request how (`id`), for which tenant, and what it asks for (`fingerprint`)."""

    id: str
    tenant_id: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to carry out the request of `mark`, as long as the lease holds."""

    mark: Mark
    token: str


@dataclass(frozen=True, slots=True)
class Answered:
    """It was carried out before; this was answered. None: the answer cannot be opened any more."""

    answer: Answer | None


@dataclass(frozen=True, slots=True)
class InFlight:
    """Somebody is carrying it out, for so many seconds at most before others may."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Differs:
    """The mark was given to another request."""


class ClaimLost(Exception):
    """Carrying it out took longer than the lease, and somebody else may have begun: nothing of it may be committed."""


def mark_of(*, tenant_id: str, sender: str, key: str, asked: Sequence[bytes]) -> Mark:
    """The mark of a request: `key` as it was given by `sender`, and what it asks for. Pure."""
    return Mark(_digest(tenant_id.encode(), sender.encode(), key.encode()).hex(), tenant_id, _digest(*asked))


def claim(database: Database, keyring: Keyring, mark: Mark, *, now_us: int) -> Claim | Answered | InFlight | Differs:
    """Begin the request of `mark`, or say why not. One transaction. Raises `StorageUnavailable`."""
    token = lease.new_token()
    given: Mapping[str, object] = {
        "id": mark.id,
        "tenant_id": mark.tenant_id,
        "fingerprint": mark.fingerprint,
        "token": token,
        "lease_expires_at": lease.expires_at_us(now_us, LEASE_SECONDS),
        "expires_at": lease.expires_at_us(now_us, KEPT_FOR.total_seconds()),
        "now_us": now_us,
    }
    with database.write() as connection:
        connection.execute(_CLAIM, given)
        found = connection.execute(_FIND, {"id": mark.id}).one()
    if found.lease_token == token:
        return Claim(mark, token)
    if bytes(found.fingerprint) != mark.fingerprint:
        return Differs()
    if found.status is None:
        return InFlight(max(1, -(-(found.lease_expires_at - now_us) // 1_000_000)))
    return Answered(_opened(keyring, mark, found.status, bytes(found.sealed_answer)))


def keep_answer(session: Session, keyring: Keyring, held: Claim, answer: Answer) -> None:
    """Keep the answer in the transaction of the change. Raises `ClaimLost`: the transaction must not commit."""
    document = json.dumps([list(map(list, answer.headers)), answer.body.decode("utf-8")])
    sealed = keyring.seal(document.encode(), context=answer_context(held.mark.tenant_id, held.mark.id))
    given = {"id": held.mark.id, "token": held.token, "status": answer.status, "sealed_answer": sealed}
    if session.connection().execute(_ANSWER, given).rowcount != 1:
        raise ClaimLost


def answer_context(tenant_id: str, mark_id: str) -> Sequence[str]:
    """What a kept answer is tied to."""
    return tenant_id, mark_id, "answer"


def let_go(database: Database, held: Claim) -> None:
    """Nothing was changed: the request may be sent again, as it was or otherwise. Raises `StorageUnavailable`."""
    with database.write() as connection:
        connection.execute(_LET_GO, {"id": held.mark.id, "token": held.token})


def _opened(keyring: Keyring, mark: Mark, status: int, sealed: bytes) -> Answer | None:
    try:
        headers, body = json.loads(keyring.open(sealed, context=answer_context(mark.tenant_id, mark.id)))
    except DecryptionFailed:
        return None
    return Answer(status, tuple((name, value) for name, value in headers), body.encode("utf-8"))


def _digest(*parts: bytes) -> bytes:
    hashed = hashlib.sha256()
    for part in parts:
        # Lengths before the parts: ("ab", "c") and ("a", "bc") must not read the same.
        hashed.update(len(part).to_bytes(8, "big") + part)
    return hashed.digest()
