"""The catalogue of providers: whether it can be read, and whether it has what sources need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import select

from gateway.db.database import Database
from gateway.doctor.check import CheckResult, Level
from gateway.errors import ConfigurationError
from gateway.installation import Installation
from gateway.providers import Provider
from gateway.webhooks.sources.models import Source


def catalogue(installation: Installation) -> tuple[Mapping[str, Provider], list[CheckResult]]:
    """Every provider, none when the catalogue cannot be read; and how it is."""
    try:
        providers = installation.catalogue
    except ConfigurationError as error:
        return {}, [CheckResult("catalogue", Level.FAIL, fault) for fault in error.faults]
    return providers, [CheckResult("catalogue", Level.OK, f"{len(providers)} providers")]


def orphaned_sources(database: Database, providers: Mapping[str, Provider]) -> Iterator[CheckResult]:
    """Sources whose provider is not in the catalogue any more."""
    with database.system_session() as session:
        for source in session.scalars(select(Source).order_by(Source.slug)):
            if source.provider not in providers:
                detail = f"{source.slug} refuses everything: the catalogue has no provider {source.provider!r} any more"
                yield CheckResult("sources", Level.FAIL, detail)
