"""Pulling: what a system says becomes entities, and nothing is lost, doubled or deleted that is still there."""

from __future__ import annotations

from tests.services.memory_system import MemoryResource
from tests.services.syncs import Syncs, counted


def test_a_first_full_pull_and_one_in_which_nothing_changed(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(25)
    first = syncs.full()
    assert first["state"] == "succeeded"
    assert counted(first, "read", "created", "pages", "requests") == (25, 25, 3, 3)
    assert syncs.names() == {f"c{number}": f"Contact {number}" for number in range(25)}
    entity = syncs.entities()["c7"]
    assert (entity.attributes, entity.external_version, entity.changed_by) == ({"number": 7}, "1", "pull")
    assert syncs.events() == ["gateway.entity.created"] * 25
    before = {key: row.updated_at for key, row in syncs.entities().items()}

    second = syncs.full()
    assert counted(second, "read", "created", "updated", "unchanged") == (25, 0, 0, 25)
    assert {key: row.updated_at for key, row in syncs.entities().items()} == before
    assert len(syncs.events()) == 25
    assert syncs.history() == []
    assert syncs.pages_kept() == 0
