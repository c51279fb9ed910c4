"""The whole examination of an installation whose settings could be read."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.doctor.addresses import base_url, private_destinations
from gateway.doctor.audit_trail import audit_trail
from gateway.doctor.broker import broker
from gateway.doctor.catalogue import catalogue
from gateway.doctor.check import CheckResult, Level
from gateway.doctor.configuration import configuration
from gateway.doctor.connections import connections
from gateway.doctor.database import schema, storage
from gateway.doctor.deliveries import deliveries
from gateway.doctor.expressions import expressions
from gateway.doctor.files import files
from gateway.doctor.handlers import handlers
from gateway.doctor.integrations import integrations
from gateway.doctor.jobs import jobs
from gateway.doctor.keeping import keeping
from gateway.doctor.keys import encryption_key, needed_keys, stored_secrets
from gateway.doctor.open_files import open_files
from gateway.doctor.silence import silence
from gateway.doctor.tenants import tenants
from gateway.doctor.web import web
from gateway.errors import GatewayError
from gateway.installation import Installation


def examine(installation: Installation) -> Iterator[CheckResult]:
    """Everything that can be looked at from here, in the order in which it is best read."""
    yield from base_url(installation.settings)
    yield from private_destinations(installation.settings)
    providers, results = catalogue(installation)
    yield from results
    yield from handlers(installation)
    keyring, kept = encryption_key(installation)
    yield kept
    yield from files(installation)
    yield from open_files(installation.settings)
    yield from web(installation.settings)
    yield from broker(installation.settings)
    try:
        found = schema(installation)
        yield found
        if found.level is Level.OK:
            yield from storage(installation)
            yield from needed_keys(installation.database, keyring)
            yield from stored_secrets(installation.database, keyring)
            if providers:
                yield from configuration(installation, keyring, providers)
                yield from expressions(installation)
            yield from jobs(installation)
            yield from deliveries(installation)
            yield from keeping(installation)
            yield from connections(installation)
            yield from silence(installation)
            yield from integrations(installation)
            yield from tenants(installation)
            yield from audit_trail(installation)
    except GatewayError as error:
        yield CheckResult("database", Level.FAIL, f"{error}", *error.hints[:1])
