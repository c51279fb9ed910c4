"""Testing an integration: its system is asked live, for five seconds at most, and what was seen is told."""

from __future__ import annotations

import orjson

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.installation import Installation
from gateway.integrations.bounded import TypeBroken, bounds_of
from gateway.integrations.opening import TEST_SECONDS, TRIAL, Material, material_of, open_instance, type_of
from gateway.integrations.results import Result, failure, success
from gateway.integrations.rows import require_integration
from gateway.integrations.type import Action, Seen
from gateway.tenants.acting import Transactions


def test_integration(begin: Transactions, name: str) -> Result:
    """Ask the system whether the integration works as it is configured; nothing is changed there.

    Raises `NotFound`, `StorageUnavailable`; whatever else goes wrong is the result.
    """
    with begin(write=False) as acting:
        row = require_integration(acting.session, name)
        installation = acting.installation
        material = material_of(acting.session, installation, row)
    result = tried(installation, material)
    with begin() as acting:
        after = {"status": result.status, "code": result.code}
        acting.audit("integration.tested", material.id, material.name, after=after)
    return result


test_integration.__test__ = False  # type: ignore[attr-defined]


def tried(installation: Installation, material: Material) -> Result:
    """What asking its system says. Never raises, but for what ends a process."""
    began = installation.clock.monotonic()
    try:
        seen = seen_by(installation, material, Action.TEST)
    except GatewayError as error:
        return failure(error, duration_ms=_milliseconds(installation.clock, began))
    message = seen.message or "it works"
    return success(message, duration_ms=_milliseconds(installation.clock, began), seen=dict(seen.details))


def seen_by(installation: Installation, material: Material, action: Action) -> Seen:
    """What the type sees. Raises `GatewayError`."""
    type_ = type_of(installation, material)

    def ask() -> Seen:
        with open_instance(installation, material, timeout=TRIAL) as instance:
            return type_.manage(instance, action)

    seen: object = bounds_of(installation).call(material.id, TEST_SECONDS, ask)
    if not isinstance(seen, Seen):
        raise TypeBroken("the integration type says nothing of what it saw")
    try:
        orjson.dumps(dict(seen.details))
    except TypeError as error:
        raise TypeBroken(f"what the integration type saw is no JSON: {error}") from error
    return seen


def _milliseconds(clock: Clock, began: float) -> int:
    return round((clock.monotonic() - began) * 1000)
