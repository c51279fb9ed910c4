"""What of each table an export has, and how a row is written. Pure.

A contract test holds that every table with rows of tenants is in `EXPORTED` or in `LEFT_OUT`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.orm import InstrumentedAttribute

from gateway.clock import iso
from gateway.db.model import Base
from gateway.delivery.models import Attempt, Delivery, Destination, Route
from gateway.entities.models import Entity, EntityConflict, HistoryEntry, LocalChange, QuarantinedRecord, SyncRun
from gateway.events.models import Event
from gateway.integrations.models import Integration
from gateway.oauth.models import AppCredentials, Connection
from gateway.security.redaction import redact_headers
from gateway.tenants.api_keys.models import ApiKey
from gateway.tenants.audit_trail.models import AuditRow
from gateway.tenants.audit_trail.values import without_secrets
from gateway.webhooks.rejections.models import Rejection
from gateway.webhooks.sources.models import Source


class ExportedTable(NamedTuple):
    """A table of which one tenant's rows are exported, by `key`, as lines of `kind`. `hidden` are columns that are not.

    `prefix` is that of the ids of what comes in all the time: of these, what was there when the export began is meant.
    """

    kind: str
    model: type[Base]
    key: InstrumentedAttribute[Any]
    hidden: frozenset[str] = frozenset()
    prefix: str | None = None


EXPORTED: tuple[ExportedTable, ...] = (
    ExportedTable("sources", Source, Source.id),
    ExportedTable("destinations", Destination, Destination.id, frozenset({"sealed_headers"})),
    ExportedTable("routes", Route, Route.id),
    ExportedTable("api_keys", ApiKey, ApiKey.id, frozenset({"digest"})),
    ExportedTable("app_credentials", AppCredentials, AppCredentials.id),
    ExportedTable("connections", Connection, Connection.id, frozenset({"account_key", "lease_token"})),
    ExportedTable("integrations", Integration, Integration.id),
    ExportedTable("entities", Entity, Entity.id, frozenset({"content_hash"})),
    ExportedTable("entity_changes", LocalChange, LocalChange.id, frozenset({"lease_token"})),
    ExportedTable("entity_history", HistoryEntry, HistoryEntry.id),
    ExportedTable("conflicts", EntityConflict, EntityConflict.id),
    ExportedTable("quarantine", QuarantinedRecord, QuarantinedRecord.id, frozenset({"record_key"})),
    ExportedTable("sync_runs", SyncRun, SyncRun.id),
    ExportedTable("events", Event, Event.id, prefix="evt"),
    ExportedTable("deliveries", Delivery, Delivery.id, frozenset({"lease_token"}), prefix="dlv"),
    ExportedTable("rejections", Rejection, Rejection.id, prefix="rej"),
    ExportedTable("audit", AuditRow, AuditRow.number),
)
WITHIN: Mapping[str, str] = {Attempt.__tablename__: "deliveries"}
"""Tables whose rows stand within the lines of another one."""
LEFT_OUT: Mapping[str, str] = {
    "source_credentials": "secrets",
    "event_repeats": "counts of repeats",
    "source_rhythms": "how often events usually come, learned from the journal",
    "source_purges": "how far the purge has come",
    "destination_secrets": "secrets",
    "vault": "secrets",
    "integration_revisions": "earlier configurations",
    "named_changes": "what the next sync looks at",
    "push_marks": "how echoes are recognised, for minutes",
    "sync_cursors": "how far syncs have come, of use to the gateway alone",
    "sync_pages": "what a sync that is under way has seen",
    "connect_sessions": "links that are good for minutes",
    "oauth_flows": "ways to a provider and back, which take minutes",
    "revocations": "grants that are being ended at their providers",
    "destination_states": "how deliveries go just now",
    "jobs": "how work of the gateway goes; the audit trail tells who asked",
    "schedules": "when work of the gateway is due",
    "event_block_terms": "the index of events",
    "idempotent_requests": "answers that are kept for a day",
    "tenant_usage": "counts",
    "audit_heads": "the ends of chains, which the entries tell",
}

_JSON_TEXTS = frozenset({"before", "after"})
_BODIES = frozenset({"body", "payload"})


def line_of(columns: Mapping[str, Any], hidden: Collection[str], proof_headers: Collection[str]) -> dict[str, Any]:
    """A row as it is written: without its tenant, without secrets; bodies in base64, as they are stored."""
    line: dict[str, Any] = {}
    for name, value in columns.items():
        if name == "tenant_id" or name in hidden:
            continue
        if name in _BODIES:
            line[f"{name}_base64"] = None if value is None else base64.b64encode(value).decode("ascii")
        elif name == "headers":
            pairs = [(str(one), str(text)) for one, text in json.loads(value)]
            line[name] = [list(pair) for pair in redact_headers(pairs, proof_headers)]
        elif name in _JSON_TEXTS:
            line[name] = json.loads(value)
        elif isinstance(value, bytes):
            line[name] = value.hex()
        else:
            line[name] = iso(value) if isinstance(value, datetime) else without_secrets(value)
    return line
