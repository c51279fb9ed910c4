"""Writing an integration's row and its secrets, with the revision that it had."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.db.model import ConfigurationKind
from gateway.db.revisions import move_revisions
from gateway.integrations.management.draft import IntegrationDraft
from gateway.integrations.models import Integration, IntegrationRevision
from gateway.integrations.summary import IntegrationSummary, summary
from gateway.oauth import vault
from gateway.tenants.acting import Acting

KEPT_REVISIONS = 50


def fill(acting: Acting, row: Integration, draft: IntegrationDraft) -> None:
    """`row` as `draft` says, which has been checked."""
    row.configuration = dict(draft.configuration)
    row.sync = dict(draft.sync)
    row.connection_id = draft.connection
    follow(acting, row, draft.source)
    row.schedule = draft.schedule
    row.updated_at = acting.now


def follow(acting: Acting, row: Integration, source_id: str | None) -> None:
    """Learn what changed from this source from now on. Processes that receive its events hear of it."""
    if row.source_id != source_id:
        row.source_id = source_id
        move_revisions(acting.session.connection(), {ConfigurationKind.SOURCES})


def store_secrets(acting: Acting, row: Integration, secrets: Mapping[str, str]) -> None:
    """Seal them, in place of those of the same keys."""
    if secrets:
        vault.write(
            acting.session,
            acting.keyring,
            tenant_id=acting.session.tenant_id,
            owner_id=row.id,
            secrets=secrets,
            now=acting.now,
        )


def remember(acting: Acting, row: Integration) -> None:
    """Keep the configuration that `row` has, before it gets another, as its next revision."""
    acting.session.add(
        IntegrationRevision(
            instance_id=row.id,
            tenant_id=row.tenant_id,
            revision=row.revision,
            configuration=dict(row.configuration),
            sync=dict(row.sync),
            connection_id=row.connection_id,
            actor_kind=acting.actor.kind,
            actor_name=acting.actor.name,
            created_at=acting.now,
        )
    )
    row.revision += 1


def note_changed(acting: Acting, row: Integration, action: str, before: IntegrationSummary) -> IntegrationSummary:
    """Tell the audit trail; the integration as it is now."""
    acting.session.flush()
    after = summary(acting, row)
    acting.audit(action, row.id, row.name, before=before, after=after)
    return after
