"""The chain: each row's hash is over the row and the hash before it, so that none can be changed, taken out or put in
between without all that follow showing it. Pure.

It shows what was done to single rows. Who may write to the database can make a whole chain anew: against that a hash
helps that was written down elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

BEGINNING = b""
"""What stands for the hash before the first row's."""


class Link(NamedTuple):
    """What is hashed of a row, as it is stored: `at` in microseconds since the epoch, `before` and `after` as JSON."""

    tenant_id: str
    number: int
    id: str
    at: int
    actor_kind: str
    actor_id: str | None
    actor_name: str
    address: str | None
    request_id: str | None
    action: str
    object_id: str
    object_name: str | None
    before: str
    after: str


def hash_after(previous: bytes, link: Link) -> bytes:
    """The hash of `link`, which follows the row with the hash `previous`: SHA-256, 32 bytes."""
    text = json.dumps(list(link), ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(previous + text.encode("ascii")).digest()
