"""Carrying out replays beside a worker's deliveries: claim one, take its turns at the pace that leaves live deliveries
their place, let it go.

While others wait, a replay has its worker for a while and then goes to the end of the queue. Stopped, it lets go of its
replay at once; killed, its lease ends.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, suppress
from functools import partial

from gateway.delivery.event_replay.pace import Pace
from gateway.delivery.replays.claim import Claim, claim, has_others, keep, let_go
from gateway.delivery.replays.turn import give_up, take_turn
from gateway.errors import GatewayError, InvalidInput, StorageUnavailable
from gateway.installation import Installation
from gateway.telemetry.logging import get_logger
from gateway.tenants.acting import Acting, Transactions, act
from gateway.tenants.audit import Actor, ActorKind

ACTOR = Actor(ActorKind.SYSTEM, "replays")
# So long a replay has its worker while others wait.
SLICE_SECONDS = 10.0
# How often it is said that its worker lives, and seen whether it was cancelled. A lease lasts for many of these.
HEARTBEAT_SECONDS = 1.0

_BROKEN = "the gateway failed; its log says how, by the replay's id"

_log = get_logger(__name__)


class _Interrupted(Exception):
    """The replay is to be left: this process ends, it is lost, or others have waited for long."""


class ReplayRunner:
    """One per worker. `step` is called by one thread, `stop` by any."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._database, self._clock = installation.database, installation.clock
        self._is_ending = threading.Event()

    def stop(self) -> None:
        """Leave the replay within a step. Idempotent."""
        self._is_ending.set()

    def step(self) -> bool:
        """Carry out the next replay, to its end or while it is its turn. False when there is none.

        Raises `StorageUnavailable`.
        """
        held = None if self._is_ending.is_set() else claim(self._database, self._clock.now_us())
        if held is None:
            return False
        try:
            self._carry_out(held)
        except _Interrupted:
            let_go(self._database, held, self._clock.now_us())
        return True

    def _carry_out(self, held: Claim) -> None:
        begin = self._transactions(held)
        watch = _Watch(self._installation, held, self._is_ending)
        pace = Pace(partial(begin, write=False), self._clock, watch.sleep)
        try:
            while True:
                with begin() as acting:
                    turn = take_turn(acting, held)
                if turn.is_over:
                    return
                pace.wait(turn.destinations)
        except (_Interrupted, StorageUnavailable):
            # What is not said of the database here is said by the worker: it is tried again when the lease has ended.
            raise
        except GatewayError as error:
            self._fail(begin, held, str(error))
        except Exception:
            _log.exception("a replay broke; it has failed, and what it did stays done", replay_id=held.id)
            self._fail(begin, held, _BROKEN)

    def _fail(self, begin: Transactions, held: Claim, detail: str) -> None:
        # A tenant that is being erased takes its replays with it.
        with suppress(InvalidInput), begin() as acting:
            give_up(acting, held, detail)

    def _transactions(self, held: Claim) -> Transactions:
        def begin(*, write: bool = True) -> AbstractContextManager[Acting]:
            return act(self._installation, actor=ACTOR, tenant=held.tenant_id, write=write)

        return begin


class _Watch:
    """Keeps the lease of a replay while it is carried out, and sees when it is to be left."""

    def __init__(self, installation: Installation, held: Claim, is_ending: threading.Event) -> None:
        self._database, self._clock = installation.database, installation.clock
        self._held = held
        self._is_ending = is_ending
        self._began_at = self._looked_at = self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep. Raises `_Interrupted`, `StorageUnavailable`."""
        if self._is_ending.wait(seconds):
            raise _Interrupted
        now = self._clock.monotonic()
        if now - self._looked_at < HEARTBEAT_SECONDS:
            return
        self._looked_at = now
        if not keep(self._database, self._held, self._clock.now_us()):
            raise _Interrupted
        if now - self._began_at >= SLICE_SECONDS and has_others(self._database, self._clock.now_us()):
            raise _Interrupted
