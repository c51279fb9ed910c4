"""Tenants that are not served: suspended ones, full ones, and those whose erasing was not finished."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.clock import iso
from gateway.db.rows import every_row
from gateway.doctor.check import CheckResult, Level
from gateway.errors import Hint
from gateway.installation import Installation
from gateway.tenants.directory import TenantSummary, summary_of
from gateway.tenants.models import Tenant
from gateway.tenants.standing import load_standings

NAME = "tenants"


def tenants(installation: Installation) -> Iterator[CheckResult]:
    """A warning for each tenant that is not served, or one result that says that all are.

    Raises `StorageUnavailable`.
    """
    with installation.database.system_session() as session:
        known = len(every_row(session, Tenant))
        erasing = [summary_of(row) for row in every_row(session, Tenant) if row.erasing_at is not None]
        standings = load_standings(session).values()
    found = [*map(_erasing, erasing), *(result for one in standings if (result := _standing(one)) is not None)]
    yield from found or [CheckResult(NAME, Level.OK, f"{known}, all served")]


def _erasing(tenant: TenantSummary) -> CheckResult:
    return CheckResult(
        NAME, Level.WARN, f"{tenant.slug} is being erased", Hint("finish_erasing", {"slug": tenant.slug})
    )


def _standing(tenant: TenantSummary) -> CheckResult | None:
    if tenant.suspended_at is not None:
        since = iso(tenant.suspended_at)
        detail = f"{tenant.slug} is suspended since {since}: its webhooks get 503, its deliveries wait"
        return CheckResult(NAME, Level.WARN, detail, Hint("resume_tenant", {"slug": tenant.slug}))
    if tenant.is_full:
        detail = f"{tenant.slug} has as many bytes stored as it may have: its webhooks get 429 until some are purged"
        return CheckResult(
            NAME, Level.WARN, detail, Hint("raise_limit", {"slug": tenant.slug, "limit": "stored_bytes"})
        )
    return None
