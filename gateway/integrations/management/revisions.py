"""The configurations that an integration had, and giving one back to it. Its secrets stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from gateway.db.paging import Page, PageRequest, page_of_values
from gateway.errors import NotFound
from gateway.integrations.management.changing import change_integration
from gateway.integrations.management.draft import IntegrationChange
from gateway.integrations.models import IntegrationRevision
from gateway.integrations.rows import require_integration
from gateway.integrations.summary import IntegrationSummary
from gateway.tenants.acting import Acting, Transactions

MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class RevisionSummary:
    """A configuration that was replaced at `created_at`, by whom."""

    revision: int
    configuration: Mapping[str, Any]
    sync: Mapping[str, Any]
    connection: str | None
    actor_kind: str
    actor_name: str
    created_at: datetime


def find_revisions(acting: Acting, name: str) -> list[RevisionSummary]:
    """The last configurations before the one there is, the newest first. Raises `NotFound`."""
    row = require_integration(acting.session, name)
    statement = select(IntegrationRevision).where(IntegrationRevision.instance_id == row.id)
    ordered = statement.order_by(IntegrationRevision.revision.desc()).limit(MOST_SHOWN)
    return [_summary(one) for one in acting.session.scalars(ordered)]


def page_of_revisions(acting: Acting, name: str, page: PageRequest) -> Page[RevisionSummary]:
    """A page of them, the newest first. Raises `NotFound`, `InvalidInput`."""
    # The newest has the largest number, and a list goes by texts that rise.
    by_age = {f"{10**9 - one.revision:010d}": one for one in find_revisions(acting, name)}
    return page_of_values(by_age, page, name="revisions")


def restore_revision(begin: Transactions, name: str, revision: int) -> IntegrationSummary:
    """Give an integration back the configuration, sync options and connection of `revision`, by the same ways as any
    change: it is checked, and tried where the integration is active.

    Raises `NotFound`, and as `change_integration`.
    """
    with begin(write=False) as acting:
        row = require_integration(acting.session, name)
        kept = acting.session.get(IntegrationRevision, (row.id, revision))
        if kept is None:
            raise NotFound(f"{row.name!r} has no revision {revision}; it is at {row.revision}")
        change = IntegrationChange(
            configuration=_back(row.configuration, kept.configuration),
            sync=_back(row.sync, kept.sync),
            connection=kept.connection_id,
        )
    return change_integration(begin, name, change)


def _back(now: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    """What leads from `now` to `then`."""
    return {**dict.fromkeys(now.keys() - then.keys()), **then}


def _summary(row: IntegrationRevision) -> RevisionSummary:
    return RevisionSummary(
        revision=row.revision,
        configuration=row.configuration,
        sync=row.sync,
        connection=row.connection_id,
        actor_kind=row.actor_kind,
        actor_name=row.actor_name,
        created_at=row.created_at,
    )
