"""Carrying out the two steps that reach outside: preparing, and taking back what was prepared. What the type makes
comes first and goes last; webhooks are registered behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gateway.errors import GatewayError, StorageUnavailable
from gateway.installation import Installation
from gateway.integrations.bounded import bounds_of
from gateway.integrations.instance import Instance
from gateway.integrations.lifecycle.prepared import PreparedRow
from gateway.integrations.models import Integration
from gateway.integrations.opening import Material, open_instance, type_of
from gateway.integrations.registrations import PREPARED as WEBHOOKS
from gateway.integrations.subscriptions.registering import subscribe, unsubscribe
from gateway.integrations.type import Prepared
from gateway.jobs.run import JobRun

STEP_SECONDS: Final = 60.0


def prepare(run: JobRun, material: Material) -> None:
    """Have the type prepare what it needs, and register webhooks. Raises `GatewayError`."""
    type_ = type_of(run.installation, material)
    _carry_out(run, material, type_.activate)
    subscribe(run, material)


def take_back(run: JobRun, material: Material) -> None:
    """Take back what is on record by now, whatever was when `material` was read. Raises `GatewayError`, when all was
    tried.
    """
    left: GatewayError | None = None
    try:
        unsubscribe(run, material)
    except StorageUnavailable:
        raise
    except GatewayError as error:
        left = error
    with run.begin(write=False) as acting:
        row = acting.session.get_one(Integration, material.id)
        prepared = dict(row.prepared)
    if prepared.keys() - {WEBHOOKS}:
        type_ = type_of(run.installation, material)
        _carry_out(run, replace(material, prepared=prepared), type_.deactivate)
    if left is not None:
        raise left


def _carry_out(run: JobRun, material: Material, step: Callable[[Instance, Prepared], None]) -> None:
    installation: Installation = run.installation
    prepared = PreparedRow(run, material.id, material.prepared)

    def carry_out() -> None:
        with open_instance(installation, material) as instance:
            step(instance, prepared)

    try:
        bounds_of(installation).call(material.id, STEP_SECONDS, carry_out)
    finally:
        prepared.end()
