"""The contacts of the example, which are described only as data, pulled by the engine into a database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.entities.external import External
from gateway.entities.models import QuarantinedRecord
from gateway.installation import Installation
from gateway.integrations.kinds.rest.kind import RestType
from gateway.strict_yaml import load_strictly
from tests.services.examples import EXAMPLES, example
from tests.services.integration_types import opened, running
from tests.services.syncs import Syncs, counted

TOKEN = "token-of-the-contacts-system"


class Described(Syncs):
    """Syncs of an external system that is no memory."""

    given: External

    @property
    def external(self) -> External:
        return self.given


@pytest.fixture
def contacts() -> Any:
    """250 of them, on three pages, which changed long ago."""
    made = example("contacts/server.py").Contacts(TOKEN)
    for number in range(250):
        one = made.add(name=f"Person {number}", email=f"p{number}@example.com")
        one["updated_at"] = f"2026-01-01T{number // 60:02}:{number % 60:02}:00Z"
    return made


@pytest.fixture
def syncs(contacts: Any, settings: Settings, fake_clock: FakeClock, tmp_path: Path) -> Iterator[Syncs]:
    kind = RestType()
    description = load_strictly((EXAMPLES / "contacts" / "contacts.yaml").read_text())
    with (
        running(example("contacts/server.py").server(contacts)) as url,
        opened(kind, {"description": description, "base_url": url}, {"credential": TOKEN}, tmp_path) as instance,
        Installation(settings, clock=fake_clock) as installation,
    ):
        syncs = Described(installation, fake_clock, [])
        with syncs.acting(write=False) as acting:
            tenant_id = acting.tenant.id
        syncs.given = External(
            instance_id=syncs.instance_id,
            tenant_id=tenant_id,
            name="contacts",
            integration_name=kind.id,
            resources=kind.resources(instance),
        )
        yield syncs


def test_contacts_are_pulled_whole_and_then_by_what_changed(syncs: Syncs, contacts: Any) -> None:
    first = syncs.full()
    assert first["state"] == "succeeded", first
    assert counted(first, "read", "created", "pages") == (250, 250, 3)
    entity = syncs.entities()["7"]
    assert (entity.kind, entity.name, entity.state) == ("contact", "Person 6", "lead")
    assert entity.attributes["email"] == "p6@example.com"

    contacts.by_id["3"]["phone"] = "+1 555 0103"
    contacts.touch(contacts.by_id["3"])
    contacts.by_id["4"]["archived"] = True
    contacts.touch(contacts.by_id["4"])
    second = syncs.incremental()
    assert counted(second, "updated", "deleted", "created") == (1, 1, 0)
    assert syncs.entities()["3"].attributes["phone"] == "+1 555 0103"
    assert syncs.entities()["4"].deleted_at is not None

    third = syncs.full()
    assert counted(third, "created", "updated", "deleted") == (0, 0, 0)


def test_a_contact_that_is_not_as_described_waits_in_quarantine_without_its_address(
    syncs: Syncs, contacts: Any
) -> None:
    contacts.by_id["9"]["email"] = "no address"
    assert counted(syncs.full(), "created", "quarantined") == (249, 1)
    with syncs.acting(write=False) as acting:
        [held] = acting.session.scalars(select(QuarantinedRecord))
        assert held.integration_id == "9"
        assert "no address" not in str(held.reasons)
    contacts.by_id["9"]["email"] = "nine@example.com"
    assert counted(syncs.full(), "created", "quarantined") == (1, 0)
