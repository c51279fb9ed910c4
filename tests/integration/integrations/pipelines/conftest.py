"""Two systems in memory, and a pipeline that loads contacts of one as customers of the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.entities.models import Entity, QuarantinedRecord
from gateway.entities.states import RunMode
from gateway.entities.syncing import SyncRequest, sync
from gateway.handlers import transform
from gateway.installation import Installation
from gateway.integrations.instance import Instance
from gateway.integrations.management.adding import add_integration
from gateway.integrations.management.draft import IntegrationDraft
from gateway.integrations.opening import material_of, open_instance, options_of, type_of
from gateway.integrations.rows import require_integration
from gateway.tenants.acting import act
from tests.services.acting import TESTER
from tests.services.lamp_system import install_types
from tests.services.memory_system import MemoryResource
from tests.services.memory_type import SYSTEMS
from tests.services.syncs import Syncs

MAPPING = {"email": "attributes.email", "spent": "attributes.spent"}


@transform
def shout(entity: dict[str, Any]) -> dict[str, Any] | None:
    """A function as an operator's module has one."""
    if entity["name"] == "Nobody":
        return None
    return {"email": entity["attributes"]["email"].upper(), "spent": 1}


@dataclass
class Works:
    """Both systems, and what runs between them."""

    installation: Installation
    clock: FakeClock
    contacts: MemoryResource = field(default_factory=MemoryResource)
    customers: MemoryResource = field(default_factory=lambda: MemoryResource(name="customers", kind="customer"))

    def add(self, name: str, type_: str, **configuration: Any) -> str:
        with act(self.installation, actor=TESTER, write=True) as acting:
            draft = IntegrationDraft(name=name, type=type_, configuration=configuration)
            return add_integration(acting, draft).id

    def pipeline(self, **configuration: Any) -> str:
        """The pipeline; by default all is loaded by the key `email`."""
        named = {"source": "crm", "kind": "contact", "target": "erp", "resource": "customers"}
        how = {"mapping": MAPPING, "key": "email", **configuration}
        return self.add(
            "flow", "pipeline", **named, **{name: value for name, value in how.items() if value is not None}
        )

    def person(self, number: int, **values: Any) -> None:
        """Somebody in the source, as its own people put them there."""
        told = {"name": f"Person {number}", "email": f"p{number}@example.com", "spent": number}
        self.contacts.put(f"c{number}", **{**told, **values})

    @contextmanager
    def opened(self, name: str) -> Iterator[tuple[Instance, Any, Any]]:
        """An integration, with its type and how it syncs."""
        with act(self.installation, actor=TESTER, write=False) as acting:
            material = material_of(acting.session, self.installation, require_integration(acting.session, name))
        with open_instance(self.installation, material) as instance:
            yield instance, type_of(self.installation, material), options_of(self.installation, material)

    def run(self, name: str = "flow", *, full: bool = False, plan: bool = False) -> Mapping[str, Any]:
        """A whole run as a job, a second later."""
        self.clock.advance(1)
        syncs = Syncs(self.installation, self.clock, ())
        job = syncs.ask()
        mode = RunMode.FULL if full else RunMode.INCREMENTAL
        try:
            with self.opened(name) as (instance, type_, options):
                request = SyncRequest(mode=mode, trigger="person", is_plan=plan)
                return sync(syncs.run_of(job), type_.external(instance), options, request)
        finally:
            syncs.end(job)

    def flow(self, **how: Any) -> Mapping[str, Any]:
        """The source is read, and the pipeline runs."""
        self.run("crm")
        return self.run(**how)

    def loaded(self) -> dict[str, dict[str, Any]]:
        """What the target has, by email."""
        return {one["email"]: one for one in self.customers.records.values()}

    def entities(self) -> dict[str, Entity]:
        """What the pipeline has loaded and is not gone, by email."""
        with act(self.installation, actor=TESTER, write=False) as acting:
            mine = select(Entity).where(Entity.integration_name == "pipeline", Entity.deleted_at.is_(None))
            return {one.attributes["email"]: one for one in acting.session.scalars(mine)}

    def quarantined(self) -> list[str]:
        """The codes of what is wrong with records that wait."""
        with act(self.installation, actor=TESTER, write=False) as acting:
            mine = select(QuarantinedRecord).where(QuarantinedRecord.state == "open").order_by(QuarantinedRecord.id)
            return [one.reasons[0]["code"] for one in acting.session.scalars(mine)]

    def writes(self) -> int:
        """How many writes the target has seen."""
        return sum(self.customers.count(one) for one in ("create", "update", "delete"))


@pytest.fixture
def works(
    settings: Settings, fake_clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Works]:
    install_types(tmp_path / "types", {"memory": "tests.services.memory_type:MemoryType"})
    monkeypatch.syspath_prepend(str(tmp_path / "types"))
    with Installation(settings, clock=fake_clock) as installation:
        made = Works(installation, fake_clock)
        SYSTEMS.update(crm=[made.contacts], erp=[made.customers])
        made.add("crm", "memory", system="crm")
        made.add("erp", "memory", system="erp")
        yield made
        SYSTEMS.clear()
