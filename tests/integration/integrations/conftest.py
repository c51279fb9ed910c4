"""An installation that knows the type `lamps`, and a system of lamps to talk to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.db.paging import every
from gateway.entities.models import Entity
from gateway.events.models import Event
from gateway.installation import Installation
from gateway.integrations.management.adding import add_integration
from gateway.integrations.management.draft import IntegrationDraft
from gateway.integrations.models import Integration
from gateway.integrations.rows import require_integration
from gateway.integrations.search import show_integration
from gateway.integrations.summary import IntegrationSummary
from gateway.jobs.attempt import carry_out
from gateway.jobs.interruption import Interruption
from gateway.jobs.kind import Kind
from gateway.jobs.queue.claim import JobClaimer
from gateway.jobs.queue.held import Outcome, record
from gateway.jobs.run import JobRun
from gateway.tenants.acting import Acting, act
from gateway.tenants.audit_trail.search import AuditSearch, find_audit
from tests.services.acting import TESTER
from tests.services.lamp_system import TOKEN, LampSystem, install_types, lamp_system


@dataclass
class House:
    """An installation, and a system that its integrations talk to."""

    installation: Installation
    clock: FakeClock
    system: LampSystem

    def begin(self, *, write: bool = True) -> AbstractContextManager[Acting]:
        return act(self.installation, actor=TESTER, write=write)

    def add(self, name: str = "lamps", **values: Any) -> IntegrationSummary:
        configuration = {"url": self.system.url, **values.pop("configuration", {})}
        secrets = {"token": TOKEN, **values.pop("secrets", {})}
        type_id = values.pop("type_id", "lamps")
        draft = IntegrationDraft(name=name, type=type_id, configuration=configuration, secrets=secrets, **values)
        with self.begin() as acting:
            return add_integration(acting, draft)

    def show(self, name: str = "lamps") -> IntegrationSummary:
        with self.begin(write=False) as acting:
            return show_integration(acting, name)

    def row(self, name: str = "lamps") -> Integration:
        with self.begin(write=False) as acting:
            row = require_integration(acting.session, name)
            acting.session.expunge(row)
            return row

    def work(self, *kinds: Kind) -> list[Outcome]:
        """Carry out what is due of these kinds, as a worker does; how each ended."""
        claimer, ended = JobClaimer("here:1"), []
        for kind in kinds:
            with self.installation.database.write() as connection:
                jobs = claimer.claim(connection, kind, 10, now_us=self.clock.now_us())
            for job in jobs:
                outcome = carry_out(kind, job, JobRun(self.installation, job, Interruption()))
                with self.installation.database.write() as connection:
                    record(connection, [outcome], now_us=self.clock.now_us())
                ended.append(outcome)
        return ended

    def events(self) -> list[str | None]:
        """The types of events of our own, the oldest first."""
        with self.begin(write=False) as acting:
            return list(acting.session.scalars(select(Event.type).order_by(Event.id)))

    def entities(self) -> dict[str | None, str | None]:
        """The live ones: external ids and states."""
        with self.begin(write=False) as acting:
            rows = acting.session.scalars(select(Entity).where(Entity.deleted_at.is_(None)))
            return {row.integration_id: row.state for row in rows}

    def audited(self) -> list[str]:
        """What was done, the oldest first."""
        with self.begin(write=False) as acting:
            found = list(every(lambda page: find_audit(acting, AuditSearch(), page)))
        return [one.action for one in reversed(found)]


@pytest.fixture(scope="session")
def _system() -> Iterator[LampSystem]:
    with lamp_system() as system:
        yield system


@pytest.fixture
def system(_system: LampSystem) -> LampSystem:
    """One for all tests, as new."""
    _system.__dict__.update(lamps={}, hooks={}, token=TOKEN, asked=[], before=lambda _method, _path: None)
    return _system


@pytest.fixture
def types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """This process knows the type `lamps`; what goes into `PYTHONPATH` for another one."""
    path = install_types(tmp_path / "types")
    monkeypatch.syspath_prepend(str(tmp_path / "types"))
    return path


@pytest.fixture
def house(settings: Settings, fake_clock: FakeClock, system: LampSystem, types: str) -> Iterator[House]:
    with Installation(settings, clock=fake_clock) as installation:
        yield House(installation, fake_clock, system)
