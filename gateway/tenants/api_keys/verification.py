"""Whose key was shown: answered from memory. What the memory does not have is looked up once, since it may be new."""

from __future__ import annotations

import threading
from collections import OrderedDict

from gateway.clock import Clock
from gateway.db.database import Database
from gateway.db.snapshot import Snapshot
from gateway.tenants.api_keys.snapshot import KeyLoader, KeySnapshot, KeyView, look_up, look_up_tenant
from gateway.tenants.api_keys.token import Token, is_of
from gateway.tenants.directory import TenantSummary

# Wrong keys that are remembered, so that showing one again costs no look into the database.
REMEMBERED = 4096
# Memory that could not be compared with the database for so long is not believed any more: keys may have been revoked.
LONGEST_BELIEVED_SECONDS = 10.0


class KeyVerifier:
    """One per process; safe in any thread. Its thread starts with the first key."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._snapshot: Snapshot[KeySnapshot] = Snapshot(database, KeyLoader(), clock)
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def is_known(self, token: Token) -> bool:
        """Whether `find` answers without the database."""
        return token.key_id in self._current().keys or token.digest in self._wrong

    def find(self, token: Token) -> KeyView | None:
        """The key that `token` is, or None: unknown, revoked, or with another secret. Its time may be over.

        Raises `StorageUnavailable`.
        """
        key = self._current().keys.get(token.key_id)
        if key is None:
            if token.digest in self._wrong:
                return None
            key = look_up(self._database, token.key_id)
        if key is not None and is_of(token, key.digest):
            return key
        with self._lock:
            self._wrong[token.digest] = None
            if len(self._wrong) > REMEMBERED:
                self._wrong.popitem(last=False)
        return None

    def renewed(self, key: KeyView) -> KeyView | None:
        """A key that was found before, as it is now; None: it was revoked. Raises `StorageUnavailable`."""
        return self._current().keys.get(key.id) or look_up(self._database, key.id)

    def tenant(self, slug: str) -> TenantSummary | None:
        """The tenant with this slug, also one that is new. Raises `StorageUnavailable`."""
        return self._current().tenants.get(slug) or look_up_tenant(self._database, slug)

    def close(self) -> None:
        """End the thread. Idempotent."""
        self._snapshot.close()

    def _current(self) -> KeySnapshot:
        value = self._snapshot.current()
        if self._snapshot.age_seconds > LONGEST_BELIEVED_SECONDS:
            self._snapshot.refresh()
            value = self._snapshot.current()
        return value
