"""The catalogue of providers: whether it can be read."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.doctor.check import CheckResult, Level
from gateway.errors import ConfigurationError
from gateway.installation import Installation
from gateway.providers import Provider


def catalogue(installation: Installation) -> tuple[Mapping[str, Provider], list[CheckResult]]:
    """Every provider, none when the catalogue cannot be read; and how it is."""
    try:
        providers = installation.catalogue
    except ConfigurationError as error:
        return {}, [CheckResult("catalogue", Level.FAIL, fault) for fault in error.faults]
    return providers, [CheckResult("catalogue", Level.OK, f"{len(providers)} providers")]
