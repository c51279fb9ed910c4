"""One renewal, from its claim to what is stored of it. Whether there should be one is for `single_flight` to say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from gateway.clock import Clock, from_us
from gateway.errors import GatewayError, InvalidInput, StorageUnavailable
from gateway.installation import Installation
from gateway.oauth.protocol.errors import ProviderError, ProviderUnavailable
from gateway.oauth.protocol.http import Http
from gateway.oauth.protocol.values import Tokens
from gateway.oauth.refreshing import claims, decisions
from gateway.oauth.refreshing.calling import call
from gateway.oauth.refreshing.claim import Claim
from gateway.oauth.refreshing.decisions import Storing, Verdict
from gateway.telemetry.logging import get_logger
from gateway.tenants.acting import Acting, act
from gateway.tenants.audit import Actor, ActorKind

ACTOR: Final = Actor(ActorKind.SYSTEM, "refresh")
STORE_AGAIN_SECONDS: Final = 0.5

_log = get_logger(__name__)


class Renewing:
    """For any thread. `clock` is the shared one; `pause` waits so many seconds, `chance` gives numbers from 0 to 1."""

    def __init__(
        self,
        installation: Installation,
        clock: Clock,
        *,
        pause: Callable[[float], None],
        chance: Callable[[], float],
    ) -> None:
        self._installation = installation
        self._clock = clock
        self._pause = pause
        self._chance = chance

    def renew(
        self, connection_id: str, tenant_id: str, http: Http, *, must_renew: bool = True, by_hand: bool = False
    ) -> GatewayError | None:
        """Renew it, where this process gets the right to; what went wrong, where something did.

        Raises `NotFound`, `InvalidInput`, `DecryptionFailed`, `StorageUnavailable`: nothing was begun.
        """
        with act(self._installation, actor=ACTOR, tenant=tenant_id, write=True) as acting:
            held = claims.claim(acting, connection_id, self._now(), must_renew=must_renew, by_hand=by_hand)
        if held is None:
            return None
        began = self._clock.monotonic()
        try:
            tokens = call(held, http, self._clock)
        except GatewayError as error:
            self._fail(held, error)
            self._count(_outcome(error), began)
            return error
        self._count(self._store(held, tokens), began)
        return None

    def _store(self, held: Claim, tokens: Tokens) -> str:
        """Store the answer; the outcome."""
        found = self._until_stored(held, lambda acting: claims.store(acting, held, tokens, self._now()))
        if found is Storing.STORE:
            return "refreshed"
        if found is Storing.DROP:
            return "dropped"
        _log.error(
            "the answer of a refresh could not be stored; it is tried again when its lease has ended",
            connection=held.connection_id,
            provider=held.provider,
        )
        return "not_stored"

    def _fail(self, held: Claim, error: GatewayError) -> None:
        verdict = decisions.verdict(error, failures=held.failures, loses=held.loses)
        asked = error.retry_after_seconds if isinstance(error, ProviderUnavailable) else None
        seconds = decisions.retry_seconds(held.failures + 1, self._chance, asked_seconds=asked)
        code = str(getattr(error, "error", error.code))

        def note(acting: Acting) -> Storing:
            now = self._now()
            claims.fail(acting, held, verdict, code=code, detail=str(error), now=now, seconds=seconds)
            return Storing.STORE

        self._until_stored(held, note)
        tell = _log.info if verdict is Verdict.LATER else _log.warning
        tell(
            "a token was not renewed",
            connection=held.connection_id,
            provider=held.provider,
            code=code,
            follows=verdict.value,
            again_in_seconds=None if verdict is Verdict.BROKEN else round(seconds, 1),
        )

    def _until_stored(self, held: Claim, store: Callable[[Acting], Storing]) -> Storing | None:
        """Again and again until the lease ends, while the database is away or somebody else is at it; None: in vain."""
        while True:
            try:
                with act(self._installation, actor=ACTOR, tenant=held.tenant_id, write=True) as acting:
                    found = store(acting)
                if found is not Storing.WAIT:
                    return found
            except InvalidInput:
                # The tenant is going or gone, and the connection with it.
                return Storing.DROP
            except StorageUnavailable:
                pass
            if self._now() >= held.expires_at:
                return None
            self._pause(STORE_AGAIN_SECONDS)

    def _now(self) -> datetime:
        return from_us(self._clock.now_us())

    def _count(self, outcome: str, began: float) -> None:
        self._installation.metrics.connection_refreshed(outcome, self._clock.monotonic() - began)


def _outcome(error: GatewayError) -> str:
    return error.code if isinstance(error, ProviderError) else "failed"
