"""Putting the inbound side of a process together: what receives, judges, commits and ends, made of an installation."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.db.database import Database
from gateway.db.model import ConfigurationKind
from gateway.db.snapshot import Snapshot
from gateway.db.writing.checkpoints import Checkpointer
from gateway.db.writing.group_commit import GroupCommit
from gateway.errors import ConfigurationError, StorageUnavailable
from gateway.installation import Installation
from gateway.telemetry.line_budget import LineBudget
from gateway.webhooks.material import MaterialStore
from gateway.webhooks.receive.counting import DEATHS_PER_SECOND, count_stored
from gateway.webhooks.receive.due import due_ids, due_jobs
from gateway.webhooks.receive.entry import Receipt, Submission, submission_bytes
from gateway.webhooks.receive.failures import FailedVerifications
from gateway.webhooks.receive.handshakes import Handshakes
from gateway.webhooks.receive.inbound import Inbound
from gateway.webhooks.receive.ingest import Ingest
from gateway.webhooks.receive.repeats import RepeatCounter
from gateway.webhooks.receive.request_lines import RequestLines
from gateway.webhooks.receive.request_reader import RequestReader
from gateway.webhooks.receive.snapshot import InboundLoader, InboundSnapshot
from gateway.webhooks.receive.store import store_submissions
from gateway.webhooks.rejections.log import RejectionLog
from gateway.webhooks.secrets_at_rest import RefusedSealer


def inbound_of(installation: Installation) -> Inbound:
    """The inbound side of `installation`, made when first asked for. Raises `ConfigurationError`.

    Starts no thread and opens no connection before the first request.
    """
    return installation.part(_assemble)


def _assemble(installation: Installation) -> Inbound:
    installation.require_configuration()
    settings, clock, database = installation.settings, installation.clock, installation.database
    loader = InboundLoader(settings, installation.keyring, installation.catalogue, installation.handlers, clock)

    def load(database: Database, moved: frozenset[ConfigurationKind]) -> InboundSnapshot:
        # What the requests of a source make is sealed: the database must know the key by then.
        _claim_keys(installation)
        return loader(database, moved)

    snapshot: Snapshot[InboundSnapshot] = Snapshot(database, load, clock)
    checkpoints = Checkpointer(database)
    metrics, announcements = installation.metrics, installation.announcements
    deaths = LineBudget(clock, DEATHS_PER_SECOND)
    repeats = RepeatCounter(database)

    def stored(submissions: Sequence[Submission], receipts: Sequence[Receipt]) -> None:
        announcements.deliveries(due_ids(submissions, receipts, clock.now_us()))
        for job in due_jobs(submissions, receipts):
            announcements.job(job.kind, job.id)
        checkpoints.wrote()
        came_again = count_stored(metrics, clock, submissions, receipts, deaths)
        if came_again:
            repeats.note(came_again)

    commits: GroupCommit[Submission, Receipt] = GroupCommit(
        database, store_submissions, size_of=submission_bytes, stored=stored
    )
    refused = RefusedSealer(installation.keyring, installation.shared_secrets)
    rejections = RejectionLog(
        database,
        refused,
        clock,
        dropped=metrics.rejections_dropped,
        body_bytes=settings.rejected_body_bytes,
    )
    ingest = Ingest(
        snapshot=snapshot,
        commits=commits,
        rejections=rejections,
        failures=FailedVerifications(settings.failed_verifications, clock),
        handshakes=Handshakes(database, installation.keyring, clock, installation.fetch),
        material=MaterialStore(clock, installation.fetch),
        clock=clock,
        metrics=metrics,
        max_body_bytes=settings.max_body_bytes,
        proof_seconds=settings.proof_seconds,
    )
    return Inbound(
        ingest,
        repeats,
        RequestReader(clock, base_url=settings.base_url, max_body_bytes=settings.max_body_bytes),
        settings.max_body_bytes,
        RequestLines(clock),
        closers=(commits.close, repeats.close, checkpoints.close, rejections.close, snapshot.close),
    )


def _claim_keys(installation: Installation) -> None:
    try:
        installation.claim_keys()
    except ConfigurationError as error:
        # Another machine was quicker with the first key of a new database.
        raise StorageUnavailable(str(error)) from error
