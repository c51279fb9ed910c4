"""Tenants that are not served: suspended ones, and those whose erasing was not finished."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.clock import iso
from gateway.db.rows import every_row
from gateway.doctor.check import CheckResult, Level
from gateway.errors import Hint
from gateway.installation import Installation
from gateway.tenants.directory import summary_of
from gateway.tenants.models import Tenant

NAME = "tenants"


def tenants(installation: Installation) -> Iterator[CheckResult]:
    """A warning for each tenant that is not active, or one result that says that all are.

    Raises `StorageUnavailable`.
    """
    with installation.database.system_session() as session:
        found = [summary_of(row) for row in every_row(session, Tenant)]
    away = [one for one in found if one.erasing_at is not None or one.suspended_at is not None]
    for one in away:
        if one.erasing_at is not None:
            detail = f"{one.slug} is being erased since {iso(one.erasing_at)}"
            yield CheckResult(NAME, Level.WARN, detail, Hint("finish_erasing", {"slug": one.slug}))
        elif one.suspended_at is not None:
            detail = f"{one.slug} is suspended since {iso(one.suspended_at)}: its webhooks get 503, its deliveries wait"
            yield CheckResult(NAME, Level.WARN, detail, Hint("resume_tenant", {"slug": one.slug}))
    if not away:
        yield CheckResult(NAME, Level.OK, f"{len(found)}, none suspended")
