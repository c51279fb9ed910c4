"""Names that nothing has: told when they are given, with what was probably meant."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from gateway.db.database import Database
from tests.integration.cli.conftest import CommandLine
from tests.services.rows import store_event

NOW = datetime.now(UTC)


def _github(cli: CommandLine) -> None:
    cli("sources", "add", "github", "--provider", "github", "--generate-secret")
    cli("destinations", "add", "app", "https://app.example.com/")


def test_filters_tell_of_sources_that_there_are_not(cli: CommandLine) -> None:
    _github(cli)
    for command in (
        ("events", "list"),
        ("events", "tail"),
        ("rejections", "list"),
        ("events", "replay", "--yes"),
        ("deliveries", "retry", "--state", "dead", "--yes"),
    ):
        assert "did you mean 'github'?" in cli(*command, "--source", "gihub", code=3).stderr
        if command[1] != "tail":
            cli(*command, "--source", "github")


def test_events_of_a_source_that_was_removed_are_still_found(cli: CommandLine, database: Database) -> None:
    event_id = store_event(database, NOW, type="push", source="gone")
    assert [row["id"] for row in cli.json("events", "list", "--source", "gone")["data"]] == [event_id]
    assert cli.json("events", "list", "--source", "gone", "--until", "1h")["data"] == []


def test_types_that_are_nearly_one_are_mistakes_and_others_are_not(cli: CommandLine, database: Database) -> None:
    _github(cli)
    assert "did you mean 'push'?" in cli("events", "list", "--type", "pussh", code=3).stderr
    assert cli.json("events", "list", "--type", "deployment")["data"] == []
    add = ("routes", "add", "--source", "github", "--to", "app")
    assert "did you mean 'issues'?" in cli(*add, "--type", "isues", code=1).stderr
    # What came is known too, and a pattern is always taken.
    store_event(database, NOW, type="registry_package", source="github")
    assert "did you mean 'registry_package'?" in cli(*add, "--type", "registry_packages", code=1).stderr
    cli(*add, "--type", "isues*", "--name", "one")
    assert "did you mean" in cli("routes", "change", "one", "--type", "pusj", code=1).stderr


def test_misspelt_commands_and_errors_as_json(cli: CommandLine) -> None:
    assert "Did you mean 'events'?" in cli("evnets", "list", code=2).stderr
    told = json.loads(cli("--json", "evnets", code=2).stderr)
    assert told["error"]["code"] == "usage"
    told = json.loads(cli("events", "show", "evt_nope", "--json", code=3).stderr)
    assert told["error"]["code"] == "not_found"
    told = json.loads(cli("--json", "destinations", "add", "a b", "nowhere", code=1).stderr)
    assert [fault["field"] for fault in told["error"]["faults"]] == ["name", "url"]
