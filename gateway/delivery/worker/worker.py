"""The worker: one event loop that holds thousands of attempts, one thread for the database.

    claim ─▶ attempt, each its own task with its own deadline ─▶ report ─▶ record, with the next claim
      ▲                                                                        │
      └────────────────────────────────────────────────────────────────────────┘

It claims when results are to be recorded, when it is told that something became due, and every so often anyhow: at
short intervals, or, where `sweep_seconds` says that announcements come from everywhere, that seldom, and when the next
delivery is known to come due.

Shutdown, in this order: stop claiming; wait for the attempts in flight until the deadline; cut off the rest; record
what came of them and release what was cut off; close the sender, the handler processes, the threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from gateway.announcing.announcements import Announcements
from gateway.clock import Clock
from gateway.db.database import Database
from gateway.delivery.decisions.policy import AttemptResult, Outcome, Random
from gateway.delivery.decisions.target import Target
from gateway.delivery.queue.claim import FreeSlots
from gateway.delivery.queue.claimed import Claimed
from gateway.delivery.queue.report import Report
from gateway.delivery.queue.session import NOTHING, STALE, Batch, QueueSession
from gateway.delivery.routes.routing import RoutingSnapshot
from gateway.delivery.sending.attempts import AttemptRunner
from gateway.delivery.sending.grants import Grants
from gateway.delivery.sending.handler_pool import HandlerPool
from gateway.delivery.sending.sender import Sender
from gateway.delivery.system_events import publish_system_events
from gateway.delivery.worker.reporter import Reporter
from gateway.delivery.worker.slots import ATTEMPTS_IN_FLIGHT, Slots
from gateway.delivery.worker.summons import Summons
from gateway.errors import StorageUnavailable
from gateway.outgoing.resolver import Resolver
from gateway.security.sealing import Keyring
from gateway.security.ssrf import AddressPolicy
from gateway.telemetry.logging import get_logger
from gateway.telemetry.metrics import Metrics

# Results that came within this time share a transaction.
GATHER_SECONDS = 0.005
# With fewer in flight there is little to gather, and what comes in next would only wait.
GATHERED_ATTEMPTS = 8
ENOUGH_REPORTS = 250
FIRST_BACKOFF_SECONDS = 0.1
LONGEST_BACKOFF_SECONDS = 2.0
# After the deadline of a shutdown, the results still have this long to reach a database that is away.
RECORD_AT_LAST_SECONDS = 5.0

_log = get_logger(__name__)
_NO_SLOTS = FreeSlots(0, lambda _target: 0)


class Worker:
    """Delivers until it is told to stop. Several may work on one database, in any number of processes."""

    def __init__(
        self,
        *,
        database: Database,
        routing: Callable[[], RoutingSnapshot],
        handlers: HandlerPool,
        clock: Clock,
        random: Random,
        resolver: Resolver,
        policy: AddressPolicy,
        metrics: Metrics,
        announcements: Announcements,
        on_job: Callable[[], None] = lambda: None,
        on_work: Callable[[], None] = lambda: None,
        secret_headers: frozenset[str],
        keyring: Keyring,
        grants: Grants,
        attempts_in_flight: int = ATTEMPTS_IN_FLIGHT,
        shutdown_deadline_seconds: float = 20.0,
        sweep_seconds: float | None = None,
    ) -> None:
        self._database = database
        self._routing = routing
        self._handlers = handlers
        self._clock = clock
        self._resolver = resolver
        self._policy = policy
        self._announcements = announcements
        self._metrics = metrics
        self._summons = Summons(announcements.pipe, clock, on_job=on_job, on_work=on_work, sweep_seconds=sweep_seconds)
        self._secret_headers = secret_headers
        self._keyring = keyring
        self._grants = grants
        self._deadline_seconds = shutdown_deadline_seconds
        self._reporter = Reporter(metrics, clock)
        self._slots = Slots(attempts_in_flight, handlers)
        self._queue = QueueSession(
            database,
            targets=lambda: routing().targets,
            journal=lambda connection, occurrences, now_us: publish_system_events(
                connection, routing(), occurrences, now_us=now_us
            ),
            clock=clock,
            random=random,
        )
        self._reports: list[Report] = []
        self._enough_at = ENOUGH_REPORTS
        self._held: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._hurrying = asyncio.Event()
        self._failures_in_a_row = 0
        # The configuration as it was at the last look.
        self._known: RoutingSnapshot | None = None

    def announce(self, ids: Sequence[str]) -> None:
        """The deliveries `ids` are said to be due. From the loop's thread."""
        self._summons.announce(ids)

    def stop(self) -> None:
        """Shut down in order; told a second time, without waiting for what is in flight. From the loop's thread."""
        if self._stopping.is_set():
            self._hurrying.set()
        self._stopping.set()
        self._summons.enough.set()

    async def run(self) -> None:
        """Deliver until `stop`; returns when everything is recorded or released."""
        self._database_thread = ThreadPoolExecutor(1, thread_name_prefix="queue")
        self._summons.listen()
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="bodies")
        sender = Sender(clock=self._clock, resolver=self._resolver, policy=self._policy)
        self._runner = AttemptRunner(
            database=self._database,
            sender=sender,
            handlers=self._handlers,
            tenants=lambda: self._routing().tenants,
            clock=self._clock,
            readers=self._readers,
            secret_headers=self._secret_headers,
            keyring=self._keyring,
            grants=self._grants,
            connections=lambda: self._routing().connections,
        )
        try:
            while not self._stopping.is_set():
                await self._cycle()
            await self._finish()
        finally:
            await sender.close()
            await asyncio.to_thread(self._handlers.close)
            await self._give_back()
            self._database_thread.shutdown(wait=False, cancel_futures=True)
            self._readers.shutdown(wait=False, cancel_futures=True)

    async def _give_back(self) -> None:
        """The connection of the database thread, unless it hangs."""
        with suppress(TimeoutError):
            async with asyncio.timeout(RECORD_AT_LAST_SECONDS):
                await asyncio.get_running_loop().run_in_executor(self._database_thread, self._queue.close)

    async def _cycle(self) -> None:
        began, known = self._clock.monotonic(), self._routing()
        batch = await self._pass(self._slots.free_slots())
        took_seconds = self._clock.monotonic() - began
        targets = self._routing().targets if batch.claimed else {}
        for claimed in batch.claimed:
            self._begin(claimed, targets)
        if not batch.is_stale:
            self._known = known
            self._summons.plan(batch, took_seconds, now_us=self._clock.now_us())
        await self._gather()

    async def _pass(self, free: FreeSlots) -> Batch:
        """One transaction with the queue. When the database is away: waits, keeps the reports, and brings nothing."""
        reports, self._reports = self._reports, []
        heard = self._summons.take(self._held)
        if heard.messages and not (heard.ids or heard.is_woken or heard.is_time or reports):
            self._metrics.announcements_stale(heard.messages)
            return STALE
        announced = [] if heard.is_time else heard.ids
        run = partial(self._queue.run, reports, free, dict(self._held), is_woken=heard.is_woken, announced=announced)
        try:
            batch = await asyncio.get_running_loop().run_in_executor(self._database_thread, run)
        except StorageUnavailable as error:
            self._reports = reports + self._reports
            await self._back_off(error)
            return NOTHING._replace(next_due_us=self._clock.now_us())
        if self._failures_in_a_row:
            self._failures_in_a_row = 0
            _log.info("the database is back; delivering again")
        for report in reports:
            self._held.pop(report.claimed.id, None)
        self._reporter.report(batch.recorded)
        if batch.is_stale:
            self._metrics.announcements_stale(heard.messages)
        return batch

    async def _back_off(self, error: StorageUnavailable) -> None:
        pause_seconds = min(FIRST_BACKOFF_SECONDS * 2 ** min(self._failures_in_a_row, 10), LONGEST_BACKOFF_SECONDS)
        if not self._failures_in_a_row:
            _log.warning(
                "the queue cannot be reached; results are kept and nothing is claimed until it is back",
                error=str(error),
                code=error.code,
            )
        self._failures_in_a_row += 1
        await asyncio.sleep(pause_seconds)

    async def _gather(self) -> None:
        """Wait until another transaction is worth it: enough results, an announcement, or time to look for work."""
        if self._stopping.is_set():
            return
        if self._slots.taken >= GATHERED_ATTEMPTS:
            await asyncio.sleep(GATHER_SECONDS)
        self._enough_at = max(1, min(self._slots.taken // 2, ENOUGH_REPORTS))
        if len(self._reports) >= self._enough_at:
            return
        await self._summons.wait(
            lambda: self._routing() is not self._known,
            is_busy=lambda: self._slots.taken > 0,
            is_anything_ready=lambda: bool(self._reports),
        )

    def _begin(self, claimed: Claimed, targets: Mapping[str, Target]) -> None:
        self._held[claimed.id] = claimed.lease_expires_at_us
        target = targets.get(claimed.destination_id)
        if target is None:
            # Removed since the claim.
            self._reports.append(Report(claimed, None, None))
            return
        self._slots.take(target)
        task = asyncio.create_task(self._attempt(claimed, target))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attempt(self, claimed: Claimed, target: Target) -> None:
        result: AttemptResult | None = None
        started_at_us = self._clock.now_us()
        try:
            result = await self._runner.run(claimed, target)
        except asyncio.CancelledError:
            # Cut off by the shutdown: not tried, and due at once for another worker.
            pass
        except Exception as error:
            # A defect of ours or of a library must cost this attempt, and not the loop that holds the others.
            _log.exception(
                "an attempt broke", delivery_id=claimed.id, event_id=claimed.event_id, destination=target.name
            )
            result = AttemptResult(Outcome.CONNECTION_ERROR, started_at_us, 0, error=f"broke: {type(error).__name__}")
        self._slots.give_back(target)
        self._reports.append(Report(claimed, target, result))
        if len(self._reports) >= self._enough_at:
            self._summons.enough.set()

    async def _finish(self) -> None:
        """The end of the attempts in flight, and of what is known of them."""
        _log.info("stopping: no more claims; waiting for attempts in flight", in_flight=len(self._tasks))
        give_up_at = self._clock.monotonic() + self._deadline_seconds
        while self._tasks and not self._hurrying.is_set() and self._clock.monotonic() < give_up_at:
            self._enough_at = ENOUGH_REPORTS
            hurry = asyncio.create_task(self._hurrying.wait())
            left_seconds = max(0.0, give_up_at - self._clock.monotonic())
            waited = asyncio.wait([*self._tasks, hurry], timeout=min(0.5, left_seconds), return_when="FIRST_COMPLETED")
            await waited
            hurry.cancel()
            if self._reports:
                await self._pass(_NO_SLOTS)
        cut_off = list(self._tasks)
        released = list(self._held)
        for task in cut_off:
            task.cancel()
        if cut_off:
            await asyncio.wait(cut_off, timeout=RECORD_AT_LAST_SECONDS)
        give_up_at = self._clock.monotonic() + RECORD_AT_LAST_SECONDS
        while self._reports and self._clock.monotonic() < give_up_at:
            await self._pass(_NO_SLOTS)
        if cut_off:
            self._announcements.deliveries(released)
        _log.info("stopped", released=len(cut_off), unrecorded=len(self._reports))
