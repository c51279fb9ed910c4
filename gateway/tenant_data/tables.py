"""Every table in which a tenant has rows, in the order in which they are removed: what points to others goes first.

A contract test holds that no table with tenants is missing here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from gateway.db.model import Base
from gateway.delivery.models import (
    Attempt,
    Delivery,
    Destination,
    DestinationSecret,
    DestinationState,
    Route,
    SourcePurge,
)
from gateway.entities.models import (
    Entity,
    EntityConflict,
    HistoryEntry,
    LocalChange,
    NamedChange,
    PushMark,
    QuarantinedRecord,
    SyncCursor,
    SyncPage,
    SyncRun,
)
from gateway.events.models import Event, EventBlockTerm, EventRepeats
from gateway.integrations.models import Integration, IntegrationRevision
from gateway.jobs.models import Job, Schedule
from gateway.oauth.models import AppCredentials, Connection, ConnectSession, Flow, Revocation, VaultEntry
from gateway.tenants.api_keys.models import ApiKey
from gateway.tenants.audit_trail.models import AuditHead, AuditRow
from gateway.tenants.idempotency.models import IdempotentRequest
from gateway.tenants.usage import TenantUsage
from gateway.webhooks.rejections.models import Rejection
from gateway.webhooks.rhythm.models import SourceRhythm
from gateway.webhooks.sources.models import Source, SourceCredential


class OwnedTable(NamedTuple):
    """A table with a column `tenant_id`, and the column by which one tenant's rows are walked and removed. Rows that
    share a value of it go together.
    """

    model: type[Base]
    key: InstrumentedAttribute[Any]

    def of(self, tenant_id: str) -> ColumnElement[bool]:
        """Holds for the rows of one tenant."""
        owner: Any = self.model
        clause: ColumnElement[bool] = owner.tenant_id == tenant_id
        return clause

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self.model.__tablename__)


OWNED: tuple[OwnedTable, ...] = (
    # What makes more of the rest goes first.
    OwnedTable(Schedule, Schedule.id),
    OwnedTable(Job, Job.id),
    OwnedTable(LocalChange, LocalChange.id),
    OwnedTable(PushMark, PushMark.id),
    OwnedTable(EntityConflict, EntityConflict.id),
    OwnedTable(HistoryEntry, HistoryEntry.id),
    OwnedTable(QuarantinedRecord, QuarantinedRecord.id),
    OwnedTable(NamedChange, NamedChange.integration_id),
    OwnedTable(SyncPage, SyncPage.run_id),
    OwnedTable(SyncCursor, SyncCursor.instance_id),
    OwnedTable(SyncRun, SyncRun.id),
    OwnedTable(Entity, Entity.id),
    OwnedTable(IntegrationRevision, IntegrationRevision.instance_id),
    OwnedTable(Integration, Integration.id),
    OwnedTable(ConnectSession, ConnectSession.id),
    OwnedTable(Flow, Flow.id),
    OwnedTable(Rejection, Rejection.id),
    # With their attempts.
    OwnedTable(Delivery, Delivery.id),
    OwnedTable(Event, Event.id),
    OwnedTable(EventRepeats, EventRepeats.event_id),
    OwnedTable(SourcePurge, SourcePurge.source_id),
    OwnedTable(EventBlockTerm, EventBlockTerm.term),
    OwnedTable(Route, Route.id),
    OwnedTable(DestinationSecret, DestinationSecret.id),
    OwnedTable(DestinationState, DestinationState.destination_id),
    OwnedTable(Destination, Destination.id),
    OwnedTable(SourceCredential, SourceCredential.id),
    OwnedTable(SourceRhythm, SourceRhythm.source_id),
    OwnedTable(Source, Source.id),
    # What a delivery took with it is gone by then; this is for what came in late.
    OwnedTable(Attempt, Attempt.delivery_id),
    OwnedTable(Revocation, Revocation.id),
    OwnedTable(Connection, Connection.id),
    OwnedTable(AppCredentials, AppCredentials.id),
    OwnedTable(VaultEntry, VaultEntry.owner_id),
    OwnedTable(ApiKey, ApiKey.id),
    OwnedTable(TenantUsage, TenantUsage.tenant_id),
    OwnedTable(IdempotentRequest, IdempotentRequest.id),
    OwnedTable(AuditRow, AuditRow.number),
    OwnedTable(AuditHead, AuditHead.tenant_id),
)
