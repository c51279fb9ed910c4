"""The application's handlers: whether their modules can be imported here."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from gateway.clock import iso
from gateway.delivery.models import KnownHandler
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


def missing_handlers(installation: Installation) -> Iterator[CheckResult]:
    """Handlers that the worker which started last does not have. Raises `StorageUnavailable`."""
    with installation.database.system_session() as session:
        missing = session.execute(
            select(KnownHandler.name, KnownHandler.missing_since)
            .where(KnownHandler.missing_since.is_not(None))
            .order_by(KnownHandler.name)
        )
        for name, since in missing:
            assert since is not None
            detail = f"{name} was not loaded by the worker that started last, at {iso(since)}: its deliveries wait"
            yield CheckResult("handlers", Level.WARN, f"{detail}; see that GATEWAY_HANDLERS names its module there")
