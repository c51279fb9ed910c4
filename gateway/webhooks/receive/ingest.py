"""The ingest use case, split around its only wait: judge the request, hand the row over, answer from the result.

Nothing before the hand-over touches a database or a network; what must (a certificate to fetch, a secret to store)
comes back as a `BlockingStep`, for a thread that may block. Law 2 of the design.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from gateway.clock import MICROSECONDS, Clock
from gateway.db.snapshot import Snapshot
from gateway.db.writing.group_commit import GroupCommit
from gateway.db.writing.pending import Pending
from gateway.errors import QueueFull, StorageUnavailable
from gateway.providers import Provider
from gateway.telemetry.logging import get_logger
from gateway.telemetry.metrics import Metrics
from gateway.tenants.directory import TenantState, TenantSummary
from gateway.webhooks.arrival import Answer, Arrival, refusal
from gateway.webhooks.material import MaterialStore
from gateway.webhooks.own_secrets import NO_SECRETS, OwnSecrets
from gateway.webhooks.receive.answers import stored
from gateway.webhooks.receive.entry import Receipt, Submission
from gateway.webhooks.receive.failures import FailedVerifications
from gateway.webhooks.receive.handshakes import Handshakes, answer_of, split_content_type
from gateway.webhooks.receive.progress import BlockingStep, Progress, Submitted
from gateway.webhooks.receive.snapshot import InboundSnapshot
from gateway.webhooks.receive.submission import submission_of
from gateway.webhooks.rejections.log import RejectionLog
from gateway.webhooks.rejections.row import Refused
from gateway.webhooks.sources.limits import RequestRate
from gateway.webhooks.sources.rows import SourceView
from gateway.webhooks.verification import (
    Credentials,
    Handshake,
    InboundRequest,
    Reading,
    Reason,
    Verdict,
    judge,
    reading_of,
)

# A person has to mend it: there is no use in asking every second.
OUT_OF_ORDER_RETRY_SECONDS = 60
SUSPENDED_RETRY_SECONDS = 60
FULL_RETRY_SECONDS = 300
LEFT_OUT = "the signature covers the first element of the batch, which was accepted; the others were left out"
# Larger bodies are judged, identified and routed in a thread: a loop would stand still for as long.
LARGE_BODY_BYTES = 64 * 1024


class Ingest:
    """Takes arrivals. One per process; safe to call from any thread."""

    def __init__(
        self,
        *,
        snapshot: Snapshot[InboundSnapshot],
        commits: GroupCommit[Submission, Receipt],
        rejections: RejectionLog,
        failures: FailedVerifications,
        handshakes: Handshakes,
        material: MaterialStore,
        clock: Clock,
        metrics: Metrics,
        max_body_bytes: int,
        proof_seconds: float,
    ) -> None:
        self.snapshot = snapshot
        self._commits = commits
        self.rejections = rejections
        self._failures = failures
        self._handshakes = handshakes
        self._material = material
        self._clock = clock
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes
        self._proof_seconds = proof_seconds
        self._rate = RequestRate()
        self._tenant_rate = RequestRate()

    @property
    def is_ready(self) -> bool:
        """Whether `begin` will not block: what it needs to know is in memory."""
        return self.snapshot.is_loaded

    def warm(self) -> bool:
        """Load what `begin` needs to know; False when the database does not answer yet."""
        try:
            self.snapshot.current()
        except StorageUnavailable:
            return False
        return True

    def listen(self, listener: Callable[[Sequence[Pending[Receipt]]], None]) -> None:
        """Tell `listener`, in the commit writer's thread, of the receipts that each transaction settled."""
        self._commits.listen(listener)

    def unlisten(self, listener: Callable[[Sequence[Pending[Receipt]]], None]) -> None:
        """Tell `listener` no more."""
        self._commits.unlisten(listener)

    def begin(self, arrival: Arrival) -> Progress:
        """Everything up to the hand-over. Never blocks once the snapshot is loaded; never raises for bad input."""
        try:
            snapshot = self.snapshot.current()
        except StorageUnavailable as error:
            return self._unavailable(error)
        source = snapshot.sources.get((arrival.tenant, arrival.source))
        if source is None:
            return self._no_source(arrival, snapshot)
        tenant = snapshot.routing.standings.get(source.tenant_id)
        if tenant is None:
            # Being erased since the sources were read: the next look has neither.
            return self._no_source(arrival, snapshot)
        if tenant.state is TenantState.SUSPENDED:
            return self._suspended()
        refused = self._check_limits(arrival, source)
        if refused is not None:
            return self._refuse(arrival, source.tenant_id, source.id, refused, source.own_secrets)
        size = len(arrival.body)
        if size <= LARGE_BODY_BYTES:
            return self._judge_now(arrival, source, snapshot)
        if source.parses_body:
            wait = self._failures.wait_seconds(source, arrival.client_address, size)
            if wait is not None:
                return self._fails_too_often(wait)
        return BlockingStep(lambda: self._judge_now(arrival, source, snapshot), is_large=True)

    def _judge_now(self, arrival: Arrival, source: SourceView, snapshot: InboundSnapshot) -> Progress:
        return self._judge(arrival, source, source.provider, snapshot, source.credentials(arrival.received_at_us))

    def _no_source(self, arrival: Arrival, snapshot: InboundSnapshot) -> Answer:
        """The answer where there is no source, or none that could judge the request."""
        found = snapshot.out_of_order.get((arrival.tenant, arrival.source))
        if arrival.is_oversized:
            refused = self._too_large()
        elif found is None:
            refused = refusal(404, "source_unknown", "there is no source at this address")
        elif found.is_disabled:
            refused = refusal(410, "source_disabled", "this source is disabled")
        else:
            # Nothing can be verified, and nothing is lost: the sender keeps the event until the source is mended.
            refused = refusal(
                503,
                "source_out_of_order",
                "this source cannot judge requests just now; send it again",
                retry_after_seconds=OUT_OF_ORDER_RETRY_SECONDS,
            )
        source_id = found.out_of_order.id if found else ""
        return self._refuse(arrival, snapshot.tenants.get(arrival.tenant), source_id, refused)

    def _too_large(self) -> Answer:
        return refusal(413, "body_too_large", f"the body is larger than {self._max_body_bytes} bytes")

    def _check_limits(self, arrival: Arrival, source: SourceView) -> Answer | None:
        if arrival.is_oversized:
            return self._too_large()
        if source.is_disabled:
            return refusal(410, "source_disabled", "this source is disabled")
        if not source.allowlist.allows(arrival.client_address):
            return refusal(403, "ip_not_allowed", "this source does not take requests from this address")
        if source.rate_per_second is not None:
            wait = self._rate.wait_seconds(source.id, source.rate_per_second)
            if wait is not None:
                return refusal(429, "rate_limited", "too many requests for this source", retry_after_seconds=wait)
        if arrival.is_truncated:
            return refusal(400, "body_incomplete", "the connection ended before the whole body had come")
        return None

    def _check_tenant(self, tenant: TenantSummary, events: int) -> Answer | None:
        """Asked once a request has verified: what strangers send must not use up what the tenant may have."""
        if tenant.is_full:
            message = "this tenant has as much stored as it may have; send it again later"
            return refusal(429, "tenant_full", message, retry_after_seconds=FULL_RETRY_SECONDS)
        rate = tenant.limits.events_per_second
        wait = None if rate is None else self._tenant_rate.wait_seconds(tenant.id, rate, count=events)
        if wait is not None:
            return refusal(429, "tenant_rate_limited", "too many events for this tenant", retry_after_seconds=wait)
        return None

    def _judge(
        self,
        arrival: Arrival,
        source: SourceView,
        provider: Provider,
        snapshot: InboundSnapshot,
        credentials: Credentials,
        reading: Reading | None = None,
    ) -> Progress:
        now_seconds = arrival.received_at_us / MICROSECONDS
        request = InboundRequest(arrival.method, arrival.url, arrival.headers, arrival.body)
        reading = reading or reading_of(provider, request, credentials, now=now_seconds)
        needed = self._material.needed(provider, request, credentials, source.scheme, reading)
        missing = self._material.missing(needed) if needed else ()
        if missing:

            def fetch_then_judge() -> Progress:
                refused = self._material.fetch(missing, source.id)
                if refused is not None:
                    return self._refuse(arrival, source.tenant_id, source.id, refused, source.own_secrets)
                return self._judge(arrival, source, provider, snapshot, credentials, reading)

            return BlockingStep(fetch_then_judge)
        known = self._material.complete(needed, credentials) if needed else credentials
        verdict = judge(provider, request, known, now=now_seconds, scheme=source.scheme, reading=reading)
        return self._decide(arrival, source, snapshot, verdict)

    def _decide(self, arrival: Arrival, source: SourceView, snapshot: InboundSnapshot, verdict: Verdict) -> Progress:
        handshake = verdict.handshake
        if handshake is not None:
            if handshake.store_secret is None and handshake.fetch is None:
                return answer_of(handshake)
            return BlockingStep(lambda: self._finish(arrival, source, handshake))
        if not verdict.accepted:
            wait = self._failures.failed(source, arrival.client_address, len(arrival.body))
            if wait is not None:
                return self._fails_too_often(wait)
            code = verdict.reason or Reason.SIGNATURE_MISMATCH
            status = 413 if code is Reason.BODY_TOO_LARGE else 401
            answer = refusal(status, code, verdict.detail or "the signature could not be verified")
            return self._refuse(arrival, source.tenant_id, source.id, answer, source.own_secrets)
        if arrival.method in {"HEAD", "OPTIONS"}:
            return refusal(405, "method_not_allowed", "this method carries no event", headers=(("Allow", "GET, POST"),))
        if verdict.leaves_out:
            self._metrics.rejected(Reason.SIGNATURE_MISSING)
            reason = Reason.SIGNATURE_MISSING
            self.rejections.note(Refused(source.tenant_id, source.id, reason, LEFT_OUT, arrival, source.own_secrets))
        return self._hand_over(arrival, source, snapshot, verdict)

    def _finish(self, arrival: Arrival, source: SourceView, handshake: Handshake) -> Answer:
        answer = self._handshakes.finish(arrival, source, handshake)
        return (
            self._refuse(arrival, source.tenant_id, source.id, answer, source.own_secrets)
            if answer.status == 401
            else answer
        )

    def _hand_over(
        self, arrival: Arrival, source: SourceView, snapshot: InboundSnapshot, verdict: Verdict
    ) -> Answer | Submitted:
        submission = submission_of(arrival, source, snapshot.routing, verdict, proof_seconds=self._proof_seconds)
        refused = self._check_tenant(snapshot.routing.standings[source.tenant_id], len(submission.entries))
        if refused is not None:
            return self._refuse(arrival, source.tenant_id, source.id, refused, source.own_secrets)
        try:
            receipt = self._commits.submit(submission)
        except QueueFull as error:
            return self._unavailable(error)
        return Submitted(receipt, lambda wait_seconds: self._answer(receipt, arrival, source, wait_seconds))

    def _answer(self, receipt: Pending[Receipt], arrival: Arrival, source: SourceView, wait_seconds: float) -> Answer:
        try:
            settled = receipt.result(wait_seconds)
        except TimeoutError:
            return self._unavailable(StorageUnavailable("the commit took too long"))
        except StorageUnavailable as error:
            return self._unavailable(error)
        except Exception as error:  # the row alone could not be stored: the sender keeps it and tries again
            get_logger(__name__).error("event could not be stored", source=source.slug, error=type(error).__name__)
            return self._unavailable(StorageUnavailable("this event could not be stored"))
        first = settled.replayed
        if first is not None:
            message = f"what is signed here was accepted before, as the event {first}; the rest is different now"
            answer = refusal(401, "replayed", message)
            return self._refuse(arrival, source.tenant_id, source.id, answer, source.own_secrets)
        if source.prescribed is not None:
            content_type, headers = split_content_type(source.prescribed.headers)
            return Answer(source.prescribed.status, source.prescribed.body, content_type, headers)
        return stored(settled.appended)

    def _suspended(self) -> Answer:
        # Not kept: the sender has it, and sends it again.
        self._metrics.rejected("tenant_suspended")
        message = "this tenant is suspended just now; send it again"
        return refusal(503, "tenant_suspended", message, retry_after_seconds=SUSPENDED_RETRY_SECONDS)

    def _fails_too_often(self, wait_seconds: int) -> Answer:
        # Not kept: what was kept of this address already says why, and who floods must not push out the rest.
        self._metrics.rejected("rate_limited")
        message = "too many requests from this address could not be verified"
        return refusal(429, "rate_limited", message, retry_after_seconds=wait_seconds)

    def _refuse(
        self,
        arrival: Arrival,
        tenant_id: str | None,
        source_id: str,
        answer: Answer,
        own: OwnSecrets = NO_SECRETS,
    ) -> Answer:
        assert answer.reason is not None
        self._metrics.rejected(answer.reason)
        # Without a tenant there is nobody who could look at it.
        if tenant_id is not None:
            if source_id:
                self._metrics.rejected_of(tenant_id, arrival.source, answer.reason)
            message = json.loads(answer.body)["error"]["message"]
            self.rejections.note(Refused(tenant_id, source_id, answer.reason, message, arrival, own))
        return answer

    def _unavailable(self, error: StorageUnavailable) -> Answer:
        self._metrics.rejected("storage_unavailable")
        message = "the event could not be stored; send it again"
        return refusal(503, "storage_unavailable", message, retry_after_seconds=error.retry_after_seconds)
