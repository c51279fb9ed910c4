"""Entities and conflicts through the API, and from an application's own code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import entity_store
from gateway.entities.cases import cases_of
from gateway.errors import InvalidInput
from gateway.tenants.acting import act
from tests.integration.api.conftest import ApiUnderTest, code, faults
from tests.services.acting import TESTER
from tests.services.lamp_entities import furnish_lamps
from tests.services.lamp_system import LampSystem, install_types, lamp_system

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def lamps() -> Iterator[LampSystem]:
    with lamp_system() as system:
        yield system


@pytest.fixture
def ids(api: ApiUnderTest, lamps: LampSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    install_types(tmp_path / "types")
    monkeypatch.syspath_prepend(str(tmp_path / "types"))
    return furnish_lamps(api.installation, lamps)


def test_entities_are_listed_shown_and_set(api: ApiUnderTest, ids: list[str]) -> None:
    listed = api.get("/entities?kind=lamp&attribute=on%3Dfalse").get_json()["data"]
    assert [row["key"] for row in listed] == ["lamps:l0", "lamps:l1"]
    found = api.get("/entities/lamps:l0")
    assert found.get_json() == api.get(f"/entities/{ids[0]}").get_json() == listed[0]
    changed = api.ask(
        "PATCH",
        "/entities/lamps:l0",
        json={"fields": {"on": True}, "user_data": {"owner": "Ada"}},
        headers={"If-Match": found.headers["ETag"]},
    )
    assert changed.status_code == 200
    row = changed.get_json()
    assert (row["attributes"], row["user_data"]) == ({"on": True}, {"owner": "Ada"})
    assert row["unsent"][0]["fields"] == {"on": True}
    [entry] = api.get("/entities/lamps:l0/history").get_json()["data"]
    assert (entry["actor_kind"], entry["changes"]) == ("api_key", {"on": [False, True]})
    assert api.get("/entities?unsent=true").get_json()["data"] == [row]


def test_what_cannot_be_done_is_told_by_its_place(api: ApiUnderTest, ids: list[str]) -> None:
    tag = {"If-Match": "*"}
    assert faults(api.ask("PATCH", "/entities/lamps:l0", json={"fields": {"colour": 1}}, headers=tag)) == {
        "/fields/colour": "read_only"
    }
    large = {"fields": {"on": "x" * 70_000}}
    assert faults(api.ask("PATCH", "/entities/lamps:l0", json=large, headers=tag)) == {"/fields": "too_large"}
    assert faults(api.get("/entities?attribute=on")) == {"attribute": "malformed"}
    assert code(api.get("/entities/lamps:l9")) == (404, "not_found")
    assert code(api.get("/entities?integration=barn")) == (404, "not_found")
    assert code(api.ask("DELETE", "/entities/lamps:l0")) == (409, "conflict")
    assert code(api.post("/entities", {"integration": "house", "kind": "lamp"})) == (409, "conflict")
    assert code(api.post("/conflicts/cfl_1/resolve", {"take": "local"})) == (404, "not_found")
    assert api.get("/conflicts").get_json() == {"data": [], "next_cursor": None}


def test_an_application_reads_and_sets_them(api: ApiUnderTest, ids: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = api.installation.settings
    monkeypatch.setenv("GATEWAY_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("GATEWAY_ALLOW_PRIVATE_DESTINATIONS", "true")
    monkeypatch.setenv("GATEWAY_ENCRYPTION_KEYS", settings.encryption_key_file.read_text().strip())
    try:
        assert [one.key for one in entity_store.entities(kind="lamp")] == ["lamps:l0", "lamps:l1"]
        lamp = entity_store.update("house:l1", {"on": True}, user_data={"room": 3})
        assert lamp == entity_store.entity(ids[1])
        assert (lamp.attributes, lamp.user_data) == ({"on": True}, {"room": 3})
        with pytest.raises(InvalidInput):
            entity_store.update("house:l1", {"colour": "red"})
    finally:
        entity_store.close()
    with act(api.installation, actor=TESTER) as acting:
        [edit] = cases_of(acting.session, [ids[1]], lock=False)[ids[1]].edits
    assert edit.actor_name == "application"
