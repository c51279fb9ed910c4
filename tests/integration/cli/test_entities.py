"""`gateway entities` and `gateway conflicts`, as a person types them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config import Settings
from gateway.entities.cases import cases_of
from gateway.entities.conflicts.schema import ConflictSchema
from gateway.entities.disputes import EDIT, dispute
from gateway.entities.external import External
from gateway.entities.history import HistorySchema
from gateway.entities.models import Entity
from gateway.entities.options import SyncOptions
from gateway.entities.search.schema import EntitySchema
from gateway.entities.trail import trail_of
from gateway.installation import Installation
from gateway.tenants.acting import act
from tests.integration.cli.conftest import CommandLine
from tests.services.acting import TESTER
from tests.services.lamp_entities import furnish_lamps
from tests.services.lamp_system import LampSystem, install_types, lamp_system

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def lamps() -> Iterator[LampSystem]:
    with lamp_system() as system:
        yield system


@pytest.fixture
def ids(
    cli: CommandLine, lamps: LampSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> list[str]:
    install_types(tmp_path / "types")
    monkeypatch.syspath_prepend(str(tmp_path / "types"))
    with _opened(cli, database_url) as installation:
        return furnish_lamps(installation, lamps)


def _opened(cli: CommandLine, database_url: str) -> Installation:
    keys = cli.environment["GATEWAY_ENCRYPTION_KEYS"]
    settings = Settings(database_url=database_url, encryption_keys=(keys,), allow_private_destinations=True)
    return Installation(settings, clock=None)


def test_lamps_are_seen_switched_and_looked_back_at(cli: CommandLine, ids: list[str]) -> None:
    listed = cli("entities", "list", "--kind", "lamp", "--attribute", "on=false")
    assert [line.split("\t")[:3] for line in listed.stdout.splitlines()] == [
        ["lamps:l0", "lamp", "Lamp 0"],
        ["lamps:l1", "lamp", "Lamp 1"],
    ]
    switched = cli("entities", "set", "house:l0", "on=true", "--user-data", "owner=Ada")
    assert "on=true" in switched.stdout
    assert "It is sent to house" in switched.stderr
    row = cli.json("entities", "show", "lamps:l0")
    assert list(row) == [field.data_key or name for name, field in EntitySchema().fields.items()]
    assert (row["attributes"], row["user_data"]) == ({"on": True}, {"owner": "Ada"})
    assert [(one["state"], one["fields"]) for one in row["unsent"]] == [("pending", {"on": True})]
    assert cli("entities", "list", "--unsent").stdout.splitlines()[0].split("\t")[-1] == "1 not sent"
    assert [one["kind"] for one in cli.json("jobs", "list")["data"]] == ["integrations.push"]
    told = cli.json("entities", "history", ids[0])
    [entry] = told["data"]
    assert list(entry) == list(HistorySchema().fields)
    assert (entry["action"], entry["origin"], entry["changes"]) == ("updated", "local", {"on": [False, True]})
    assert "on: false → true" in cli("entities", "history", ids[0]).stdout
    assert cli.json("audit", "list", "--action", "entity.*")["data"][0]["action"] == "entity.changed"


def test_what_cannot_be_done_says_why_and_what_helps(cli: CommandLine, ids: list[str]) -> None:
    read_only = cli("entities", "set", "lamps:l0", "colour=red", code=1)
    assert "colour is the external system's alone" in read_only.stderr
    assert "did you mean 'on'" in cli("entities", "set", "lamps:l0", "onn=true", code=1).stderr
    assert "gateway entities list" in cli("entities", "show", "lamps:l9", code=3).stderr
    assert "house takes no delete of lamp" in cli("entities", "delete", "lamps:l0", code=1).stderr
    assert (
        "house takes no create of lamp"
        in cli("entities", "create", "lamp", "on=true", "--integration", "house", code=1).stderr
    )
    assert "there are no entities of the kind 'lmp'" in cli("entities", "list", "--kind", "lmp", code=1).stderr
    assert "say what to set" in cli("entities", "set", "lamps:l0", code=2).stderr
    assert "No entity matches" in cli("entities", "list", "--deleted").stderr


def test_one_key_of_two_integrations_is_told_apart(
    cli: CommandLine, ids: list[str], lamps: LampSystem, database_url: str
) -> None:
    with _opened(cli, database_url) as installation:
        furnish_lamps(installation, lamps, name="barn", count=1)
    assert "2 entities have the key 'lamps:l0'" in cli("entities", "show", "lamps:l0", code=1).stderr
    assert cli.json("entities", "show", "lamps:l0", "--integration", "house")["id"] == ids[0]
    assert cli.json("entities", "show", "house:l0")["id"] == ids[0]
    assert cli.json("entities", "show", "barn:l0")["integration"] == "barn"


def test_a_conflict_is_decided_by_field(cli: CommandLine, ids: list[str], database_url: str) -> None:
    assert "No conflict waits" in cli("conflicts", "list").stderr
    with _opened(cli, database_url) as installation, act(installation, actor=TESTER, write=True) as acting:
        case = cases_of(acting.session, [ids[0]])[ids[0]]
        _edit(case.entity)
        external = External(
            instance_id=case.entity.instance_id,
            tenant_id=acting.tenant.id,
            name="house",
            integration_name="lamps",
            resources=(),
        )
        trail = trail_of(
            acting.session,
            installation,
            external,
            SyncOptions(),
            actor_kind="system",
            actor_name="x",
            at=acting.now,
        )
        dispute(trail, case, EDIT, {"on": {"base": False, "local": True, "external": None}}, None)
        trail.write()
    [row] = cli.json("conflicts", "list")["data"]
    assert list(row) == [field.data_key or name for name, field in ConflictSchema().fields.items()]
    shown = cli("conflicts", "show", row["id"])
    assert shown.stdout.splitlines()[-1].split("\t") == ["on", "false", "true", "null"]
    assert f"gateway conflicts resolve {row['id']}" in shown.stderr
    assert f"gateway conflicts show {row['id']}" in cli("entities", "show", "lamps:l0").stderr
    assert "nothing is said about on" in cli("conflicts", "resolve", row["id"], code=1).stderr
    decided = cli.json("conflicts", "resolve", row["id"], "--field", "on=local")
    assert (decided["state"], decided["resolution"]) == ("resolved", {"on": "local"})
    assert "is decided already" in cli("conflicts", "resolve", row["id"], "--take", "local", code=1).stderr
    assert cli.json("conflicts", "list", "--resolved")["data"][0]["id"] == row["id"]
    [waiting] = cli.json("entities", "show", "lamps:l0")["unsent"]
    assert (waiting["state"], waiting["fields"]) == ("pending", {"on": True})


def _edit(entity: Entity) -> None:
    entity.base, entity.attributes = {"on": False}, {"on": True}
