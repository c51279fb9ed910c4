"""The application's handlers: whether their modules can be imported here."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.doctor.check import CheckResult, Level
from gateway.errors import ConfigurationError
from gateway.installation import Installation


def handlers(installation: Installation) -> Iterator[CheckResult]:
    """Whether the modules of GATEWAY_HANDLERS can be imported here."""
    try:
        registry = installation.handlers
    except ConfigurationError as error:
        for fault in error.faults:
            yield CheckResult("handlers", Level.FAIL, fault)
        return
    names = ", ".join(sorted({handler.name for handler in registry.all()})) or "none"
    if installation.settings.handlers and names == "none":
        yield CheckResult("handlers", Level.WARN, "GATEWAY_HANDLERS names modules in which no function has @on")
    else:
        yield CheckResult("handlers", Level.OK, names)
