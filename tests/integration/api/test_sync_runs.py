"""Sync runs and quarantine through the API."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.entities.states import RunState
from tests.integration.api.conftest import ApiUnderTest, code, faults
from tests.services.lamp_system import TOKEN, install_types, lamp_system
from tests.services.sync_rows import store_integration, store_quarantined, store_run

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_runs_are_found_and_decided(api: ApiUnderTest) -> None:
    now = api.installation.now()
    crm = store_integration(api.database, now, "crm")
    done = store_run(api.database, now, crm)
    held = store_run(api.database, now, crm, RunState.HELD)
    reader, writer = api.make_key("reader", "integrations:read"), api.make_key("writer", "integrations:write")

    def found(query: str = "") -> list[str]:
        return [row["id"] for row in api.get(f"/sync-runs{query}", key=reader).get_json()["data"]]

    assert found() == [held, done]
    assert found("?integration=crm&state=held") == found(f"?integration={crm}&state=held") == [held]
    assert found("?is_plan=true") == []
    assert faults(api.get("/sync-runs?integration=crn")) == {"integration": "unknown"}
    shown = api.get(f"/sync-runs/{held}", key=reader).get_json()
    assert (shown["integration"], shown["state"], shown["held"]["resources"]["contacts"]["missing"]) == (
        "crm",
        "held",
        40,
    )
    assert code(api.post(f"/sync-runs/{held}/confirm", key=reader)) == (403, "scope_missing")
    assert code(api.post(f"/sync-runs/{done}/confirm", key=writer)) == (409, "illegal_transition")
    confirmed = api.post(f"/sync-runs/{held}/confirm", key=writer).get_json()
    assert (confirmed["state"], confirmed["held"]["confirmed_by"], confirmed["ended_at"]) == ("running", "writer", None)
    assert api.get(f"/jobs/{confirmed['job_id']}").get_json()["kind"] == "entities.delete"
    other = store_run(api.database, now, crm, RunState.HELD)
    assert code(api.post(f"/sync-runs/{other}/confirm", key=writer)) == (409, "already_running")
    rejected = api.post(f"/sync-runs/{other}/reject", key=writer).get_json()
    assert (rejected["state"], rejected["held"]["rejected_by"]) == ("rejected", "writer")


def test_quarantine_is_found_and_discarded(api: ApiUnderTest) -> None:
    now = api.installation.now()
    crm = store_integration(api.database, now, "crm")
    record = store_quarantined(api.database, now, crm)
    assert [row["id"] for row in api.get("/quarantine?integration=crm&state=open").get_json()["data"]] == [record]
    shown = api.get(f"/quarantine/{record}").get_json()
    assert (shown["integration"], shown["reasons"][0]["code"], shown["raw"]) == ("crm", "wrong_type", '{"id":"c1"}')
    assert api.post(f"/quarantine/{record}/discard").get_json()["state"] == "discarded"
    assert code(api.get("/quarantine/qtn_none")) == (404, "not_found")


def test_a_record_is_taken_in_from_its_system(
    api: ApiUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_types(tmp_path / "types")
    monkeypatch.syspath_prepend(str(tmp_path / "types"))
    with lamp_system() as system:
        system.put(3)
        draft = {"name": "home", "type": "lamps", "configuration": {"url": system.url}, "secrets": {"token": TOKEN}}
        home = api.post("/integrations", draft).get_json()["id"]
        lamp = sorted(system.lamps)[0]
        now = api.installation.now()
        record = store_quarantined(api.database, now, home, resource="lamps", integration_id=lamp)
        taken = api.post(f"/quarantine/{record}/retry").get_json()
        assert (taken["state"], taken["integration"]) == ("repaired", "home")
        assert code(api.post(f"/quarantine/{record}/retry")) == (409, "conflict")
        gone = store_quarantined(api.database, now, home, resource="lamps", integration_id="none")
        assert code(api.post(f"/quarantine/{gone}/retry")) == (409, "conflict")
    [entity] = api.get("/entities?integration=home").get_json()["data"]
    assert (entity["integration_id"], entity["kind"]) == (lamp, "lamp")
    actions = [row["action"] for row in api.get(f"/audit?object={record}").get_json()["data"]]
    assert actions == ["quarantine.retried"]
