"""A token that is good now: renewed once, whoever asks, in however many threads, processes and machines.

    token known and good ─▶ use it                                  no lock, no database
    look ─▶ good ─▶ use it
         ─▶ somebody is at it ─▶ wait, look again                   or use what is left of the token
         ─▶ claim (lease and intent, committed) ─▶ call ─▶ store, where lease and version are still those of the claim

A process that dies after its claim leaves the lease and the intent: when the lease ends, whoever looks next takes over
and tries. An answer that the database does not take is held in memory until the lease ends. All clocks here are the
database's (`gateway.db.shared_clock`), so that no machine takes over what another one holds.

Not for use inside of a transaction.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from gateway.clock import Clock, from_us, to_us
from gateway.db.shared_clock import EVERY_SECONDS, SharedClock
from gateway.errors import Conflict, GatewayError
from gateway.installation import Installation
from gateway.oauth.protocol.http import http_of
from gateway.oauth.refreshing import claims, decisions
from gateway.oauth.refreshing.claims import Looked
from gateway.oauth.refreshing.decisions import LEASE_SECONDS, Renewal, Step
from gateway.oauth.refreshing.errors import (
    ConnectionNeedsReauth,
    ConnectionRevoked,
    ConnectionUnusable,
    RefreshHeldBack,
)
from gateway.oauth.refreshing.kept_tokens import AccessToken, KeptTokens
from gateway.oauth.refreshing.renewing import Renewing
from gateway.oauth.states import ConnectionState

POLL_SECONDS: Final = 0.005
LONGEST_POLL_SECONDS: Final = 0.02
PATIENCE_SECONDS: Final = LEASE_SECONDS + 5.0
"""Who waits for another's refresh waits until that one's lease has ended, and a little."""


def ensure_fresh(installation: Installation, connection_id: str, *, refused: str | None = None) -> AccessToken:
    """A token of a connection that is good now; another one than `refused`, where the provider gives another.

    Whoever asks has seen that the connection is the tenant's. Raises `NotFound`, `ConnectionUnusable`,
    `RefreshHeldBack`, `ProviderError`, `StorageUnavailable`.
    """
    return installation.part(SingleFlight).token(connection_id, refused=refused)


class SingleFlight:
    """What one process has of it; safe to use from any thread. `pause` waits so many seconds."""

    def __init__(
        self,
        installation: Installation,
        *,
        pause: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._installation = installation
        self._pause = pause
        self._kept = KeptTokens()
        self._shared = SharedClock(installation.clock, installation.database)
        self._asked_at: float | None = None
        self._renewing = Renewing(installation, self._shared, pause=pause, chance=chance)

    @property
    def clock(self) -> Clock:
        """The time that all machines share, asked for again now and then. Raises `StorageUnavailable`."""
        steady = self._shared.monotonic()
        if self._asked_at is None or steady - self._asked_at >= EVERY_SECONDS:
            self._shared.step()
            self._asked_at = steady
        return self._shared

    def token(self, connection_id: str, *, refused: str | None = None) -> AccessToken:
        """As `ensure_fresh`."""
        found = self._kept.get(connection_id, self._shared.monotonic())
        if found is not None and found.value != refused:
            return found
        while True:
            with self._kept.turn(connection_id) as is_mine:
                steady = self._shared.monotonic()
                found = self._kept.get(connection_id, steady)
                if found is not None:
                    is_trusted = self._kept.is_trusted(connection_id, found.version, steady)
                    if found.value != refused or is_trusted:
                        return found
                if is_mine:
                    return self._found(connection_id, refused)

    def refresh(self, connection_id: str, *, by_hand: bool = False, version: int | None = None) -> AccessToken:
        """Renew the token, whether or not it is good: what is ahead of its end, or what a person wants (`by_hand`).

        Where it was renewed since `version`, that is enough. Raises as `ensure_fresh`, what the provider said, and
        `Conflict` where a person wants what nothing renews.
        """
        with self._kept.alone(connection_id):
            looked = self._look(connection_id)
            if by_hand and looked.way is Renewal.NONE:
                raise Conflict(f"nothing renews the credentials of the connection {connection_id!r}")
            wanted = looked.seen.version if version is None else version
            if looked.seen.version == wanted:
                error = self._renewed(connection_id, looked, must_renew=True, by_hand=by_hand)
                if error is not None:
                    raise error
                looked = self._awaited(connection_id, wanted)
            return self._used(connection_id, looked)

    def _awaited(self, connection_id: str, version: int) -> Looked:
        """The connection when nobody is at it any more, or it has other tokens than those of `version`."""
        patience_ends = self._shared.monotonic() + PATIENCE_SECONDS
        while True:
            looked = self._look(connection_id)
            is_held = looked.seen.version == version and decisions.is_held(looked.seen, self._now())
            if not is_held or self._shared.monotonic() >= patience_ends:
                return looked
            self._pause(LONGEST_POLL_SECONDS)

    def _found(self, connection_id: str, refused: str | None) -> AccessToken:
        # Before anybody holds a lease, and others wait.
        http_of(self._installation).make_ready()
        patience_ends = self._shared.monotonic() + PATIENCE_SECONDS
        wait_seconds = POLL_SECONDS
        error: GatewayError | None = None
        while True:
            looked = self._look(connection_id)
            is_trusted = self._kept.is_trusted(connection_id, looked.seen.version, self._shared.monotonic())
            must_renew = refused is not None and looked.token == refused and not is_trusted
            step = decisions.next_step(looked.seen, self._now(), looked.way, must_renew=must_renew)
            if step is Step.USE:
                return self._used(connection_id, looked)
            is_over = error is not None or self._shared.monotonic() >= patience_ends
            if step in (Step.RENEW, Step.WAIT) and is_over:
                raise error or self._unusable(Step.HOLD_BACK, looked, connection_id)
            if step is Step.RENEW:
                error = self._renewed(connection_id, looked, must_renew=must_renew)
                if error is None and must_renew:
                    self._kept.trust(connection_id, looked.seen.version + 1, self._shared.monotonic())
            elif step is Step.WAIT:
                self._pause(wait_seconds)
                wait_seconds = min(wait_seconds * 2, LONGEST_POLL_SECONDS)
            else:
                raise self._unusable(step, looked, connection_id) from error

    def _look(self, connection_id: str) -> Looked:
        with self._installation.database.system_session() as session:
            return claims.look(session, self._installation, connection_id)

    def _now(self) -> datetime:
        return from_us(self.clock.now_us())

    def _token(self, looked: Looked) -> AccessToken:
        end = looked.seen.access_expires_at
        return AccessToken(
            value=looked.token or "",
            expires_at_us=None if end is None else to_us(end),
            version=looked.seen.version,
        )

    def _used(self, connection_id: str, looked: Looked) -> AccessToken:
        if looked.token is None:
            raise ConnectionUnusable(f"the connection {connection_id} has no access token", reason=looked.reason)
        if looked.seen.state in (ConnectionState.NEEDS_REAUTH, ConnectionState.REVOKED):
            is_revoked = looked.seen.state is ConnectionState.REVOKED
            raise self._unusable(Step.REVOKED if is_revoked else Step.RECONNECT, looked, connection_id)
        token, now = self._token(looked), self._now()
        until = decisions.good_until(looked.seen)
        good_seconds = None if until is None else (until - now).total_seconds()
        self._kept.put(connection_id, token, self._shared.monotonic(), good_seconds)
        return token

    def _unusable(self, step: Step, looked: Looked, connection_id: str) -> GatewayError:
        self._kept.forget(connection_id)
        if step is Step.REVOKED:
            return ConnectionRevoked(f"the connection {connection_id} was revoked", reason=looked.reason)
        if step is Step.RECONNECT:
            why = looked.detail or looked.reason or "its grant is broken"
            return ConnectionNeedsReauth(
                f"the connection {connection_id} has to be connected again: {why}", reason=looked.reason
            )
        next_at = decisions.next_try_at(looked.seen)
        seconds = max(1.0, (next_at - self._now()).total_seconds())
        why = looked.detail or "the provider could not be asked"
        return RefreshHeldBack(
            f"the token of connection {connection_id} could not be renewed: {why}", retry_after_seconds=seconds
        )

    def _renewed(
        self, connection_id: str, looked: Looked, *, must_renew: bool, by_hand: bool = False
    ) -> GatewayError | None:
        http = http_of(self._installation)
        tenant_id = looked.tenant_id
        return self._renewing.renew(connection_id, tenant_id, http, must_renew=must_renew, by_hand=by_hand)
