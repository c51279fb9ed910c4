"""Carrying out the two steps of a type that reach outside: preparing, and taking back what was prepared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.installation import Installation
from gateway.integrations.bounded import bounds_of
from gateway.integrations.instance import Instance
from gateway.integrations.lifecycle.prepared import PreparedRow
from gateway.integrations.opening import Material, open_instance, type_of
from gateway.integrations.type import Prepared
from gateway.jobs.run import JobRun

STEP_SECONDS: Final = 60.0


def prepare(run: JobRun, material: Material) -> None:
    """Have the type prepare what it needs. Raises `GatewayError`."""
    type_ = type_of(run.installation, material)
    _carry_out(run, material, type_.activate)


def take_back(run: JobRun, material: Material) -> None:
    """Have the type take back what it prepared. Raises `GatewayError`."""
    type_ = type_of(run.installation, material)
    _carry_out(run, material, type_.deactivate)


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
