"""Integrations through the API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.conftest import ApiUnderTest, code, faults
from tests.services.lamp_system import TOKEN, LampSystem, install_types, lamp_system

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def system() -> Iterator[LampSystem]:
    with lamp_system() as running:
        yield running


@pytest.fixture
def draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: LampSystem) -> dict[str, Any]:
    """An integration of the type `lamps`, which this process knows."""
    install_types(tmp_path / "types")
    monkeypatch.syspath_prepend(str(tmp_path / "types"))
    system.put(3)
    return {"name": "home", "type": "lamps", "configuration": {"url": system.url}, "secrets": {"token": TOKEN}}


def test_an_integration_lives(api: ApiUnderTest, draft: dict[str, Any]) -> None:
    types = [one["id"] for one in api.get("/integration-types").get_json()["data"]]
    assert "lamps" in types
    form = api.get("/integration-types/lamps").get_json()["attributes"]
    assert {one["key"]: one["secret"] for one in form} == {"url": False, "hook": False, "depth": False, "token": True}
    added = api.post("/integrations", draft)
    assert added.status_code == 201
    integration = added.get_json()
    assert added.headers["Location"] == f"/api/v1/integrations/{integration['id']}"
    assert TOKEN not in added.get_data(as_text=True)
    tested = api.post("/integrations/home/test").get_json()
    assert (tested["status"], tested["message"]) == ("success", "lamps 3.2 with 3 lamps")
    active = api.post("/integrations/home/activate").get_json()
    assert (active["status"], active["redirect"]) == ("success", None)
    assert active["details"]["sync_job"].startswith("job_")
    changed = api.post("/integrations/home/configuration", {"configuration": {"depth": 5}})
    assert changed.get_json()["revision"] == 2
    [kept] = api.get("/integrations/home/revisions").get_json()["data"]
    assert kept["revision"] == 1
    assert api.post("/integrations/home/restore", {"revision": 1}).get_json()["revision"] == 3
    assert api.post("/integrations/home/pause").get_json()["state"] == "paused"
    assert api.post("/integrations/home/resume").get_json()["state"] == "active"
    assert api.get("/integrations/home/consequences").get_json()["total"] == 0
    refused = api.ask("DELETE", "/integrations/home", headers={"If-Match": "*"})
    assert code(refused) == (409, "conflict")
    down = api.post("/integrations/home/deactivate", {"mode": "all"}).get_json()
    assert (down["status"], down["details"]) == ("success", {"removed": 0, "kept": 0, "total": 0})
    assert api.ask("DELETE", "/integrations/home", headers={"If-Match": "*"}).status_code == 204
    assert api.get("/integrations").get_json()["data"] == []


def test_what_is_wrong_is_told_by_its_place(api: ApiUnderTest, draft: dict[str, Any]) -> None:
    wrong = api.post("/integrations", draft | {"name": "a b", "configuration": {"dept": 1}, "sync": {"policy": "x"}})
    assert faults(wrong) == {
        "/name": "malformed",
        "/configuration/dept": "unknown",
        "/configuration/url": "missing",
        "/sync/policy": "malformed",
    }
    assert code(api.post("/integrations", draft | {"type": "lamp"})) == (404, "not_found")
    api.post("/integrations", draft)
    assert code(api.post("/integrations", draft)) == (409, "conflict")
    api.post("/integrations/home/activate")
    refused = api.post("/integrations/home/configuration", {"secrets": {"token": "wrong"}})
    assert code(refused) == (422, "integration_trial_failed")


def test_keys_need_the_scope(api: ApiUnderTest, draft: dict[str, Any]) -> None:
    api.post("/integrations", draft)
    reader = api.make_key("reader", "integrations:read")
    assert api.get("/integrations/home", key=reader).status_code == 200
    assert api.post("/integrations/home/activate", key=reader).status_code == 403
    assert api.get("/integrations", key=api.make_key("other", "sources:read")).status_code == 403
