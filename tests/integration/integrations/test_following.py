"""Pipelines run as soon as their source changed, once for many changes."""

from __future__ import annotations

from typing import Any

from gateway.integrations.jobs import SYNC
from gateway.integrations.lifecycle.management import activate
from gateway.integrations.management.adding import add_integration
from gateway.integrations.management.draft import IntegrationDraft
from gateway.integrations.requesting import request_sync
from gateway.integrations.rows import require_integration
from tests.integration.integrations.conftest import House


def pipeline(house: House, name: str, **more: Any) -> None:
    named = {"source": "lamps", "kind": "lamp", "target": "mirror", "resource": "lamps", "mode": "update", "key": "id"}
    configuration = {**named, "mapping": {"id": "integration_id", "on": "attributes.on"}, **more}
    with house.begin() as acting:
        add_integration(acting, IntegrationDraft(name=name, type="pipeline", configuration=configuration))
    activate(house.begin, name)


def synced(house: House) -> list[tuple[str, dict[str, int]]]:
    """The source is synced; which runs came of it then, with what they read."""
    with house.begin() as acting:
        request_sync(acting, require_integration(acting.session, "lamps"))
    house.work(SYNC)
    house.clock.advance(3)
    return [(one.result["state"], one.result["counts"]) for one in house.work(SYNC) if one.result is not None]


def test_a_pipeline_follows_its_source(house: House) -> None:
    house.system.put(3)
    house.add("lamps")
    house.add("mirror")
    for name in ("lamps", "mirror"):
        activate(house.begin, name)
    house.work(SYNC)
    pipeline(house, "flow")
    pipeline(house, "still", follows=False)
    house.work(SYNC)
    assert synced(house) == []

    house.system.lamps["l1"]["on"] = True
    [(state, counts)] = synced(house)

    assert (state, counts["updated"]) == ("succeeded", 1)
    assert synced(house) == []
