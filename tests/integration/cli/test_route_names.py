"""Names of routes: given or derived, unique, and as good as the id wherever a route is addressed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from gateway.db.database import Database
from tests.integration.cli.conftest import CommandLine

Ready = Callable[[], CommandLine]


def added(cli: CommandLine, *options: str) -> Any:
    """A new route of the source `github` to `app`."""
    return cli.json("routes", "add", "--source", "github", "--to", "app", *options)


def test_a_name_is_given_or_derived(ready: Ready) -> None:
    cli = ready()
    assert added(cli, "--type", "push")["name"] == "github-to-app-2"
    assert added(cli, "--type", "issues", "--name", "issues")["name"] == "issues"
    assert "Added the route github-to-app-3: star of github to app." in (
        cli("routes", "add", "--source", "github", "--to", "app", "--type", "star").stdout
    )
    cli("routes", "remove", "github-to-app-2")
    assert added(cli, "--type", "fork")["name"] == "github-to-app-2"


def test_a_name_is_as_good_as_the_id(ready: Ready) -> None:
    cli = ready()
    [route] = cli.json("routes", "list")["data"]
    assert cli.json("routes", "show", "github-to-app") == route == cli.json("routes", "show", route["id"])
    cli("routes", "change", "github-to-app", "--name", "all", "--where", "a")
    assert cli.json("routes", "show", "all") == route | {"name": "all", "where": "a"}
    assert "did you mean 'all'?" in cli("routes", "show", "al", code=3).stderr
    assert "no route 'github-to-app'" in cli("routes", "remove", "github-to-app", code=3).stderr
    assert cli.json("routes", "remove", "all") == {"removed": ["all"]}
    assert cli.json("routes", "list")["data"] == []


def test_source_and_destination_change_in_place(ready: Ready) -> None:
    cli = ready()
    [route] = cli.json("routes", "list")["data"]
    cli("destinations", "add", "other", "http://127.0.0.1:9/")
    changed = cli.json("routes", "change", "github-to-app", "--source", "gateway", "--to", "other")
    assert changed == route | {"source": "gateway", "destination": "other"}
    assert "no source 'nope'" in cli("routes", "change", "github-to-app", "--source", "nope", code=1).stderr
    assert "routes remove github-to-app" in cli("destinations", "remove", "other", code=1).stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("github-to-app", "there is a route 'github-to-app' already; see `gateway routes show github-to-app`"),
        ("a b", "not a route's name"),
        ("rte_" + "0" * 26, "written like a route's id"),
        ("", "not a route's name"),
    ],
)
def test_names_that_are_refused(ready: Ready, name: str, message: str) -> None:
    cli = ready()
    options = ("--source", "github", "--to", "app", "--type", "push", "--name", name)
    assert message in cli("routes", "add", *options, code=1).stderr
    route = added(cli, "--type", "push")
    assert message in cli("routes", "change", route["id"], "--name", name, code=1).stderr
    assert cli.json("routes", "show", route["id"]) == route


def test_another_tenant_may_use_the_same_names(ready: Ready) -> None:
    cli = ready()
    cli("tenants", "create", "acme")
    acme = ("--tenant", "acme")
    cli("destinations", "add", "app", "http://127.0.0.1:9/", *acme)
    added_there = cli.json("routes", "add", "--source", "gateway", "--to", "app", "--name", "github-to-app", *acme)
    assert cli.json("routes", "show", "github-to-app", *acme) == added_there
    assert cli.json("routes", "show", "github-to-app")["source"] == "github"


def test_the_id_stands_for_the_name_that_the_version_before_does_not_give(ready: Ready, database: Database) -> None:
    cli = ready()
    for event_type in ("push", "issues"):
        added(cli, "--type", event_type)
    with database.write() as connection:
        connection.execute(text("UPDATE routes SET name = NULL"))
    routes = cli.json("routes", "list")["data"]
    assert [route["name"] for route in routes] == [route["id"] for route in routes]
    first = routes[0]
    cli("routes", "change", first["id"], "--where", "a")
    assert cli.json("routes", "show", first["id"]) == first | {"where": "a"}
    assert cli.json("routes", "change", first["id"], "--name", "first")["name"] == "first"
    assert cli.json("routes", "show", "first")["id"] == first["id"]


def test_what_is_removed_by_hand_is_asked_about(ready: Callable[[], CommandLine]) -> None:
    cli = ready()
    asked = cli.answering("n", "routes", "remove", "github-to-app", code=1)
    assert "Forget github-to-app: * of github to app?" in asked.stderr
    assert "nothing was changed" in asked.stderr
    assert [row["name"] for row in cli.json("routes", "list")["data"]] == ["github-to-app"]
    cli.answering("y", "routes", "remove", "github-to-app")
    assert cli.answering("n", "destinations", "remove", "app", code=1).exit_code == 1
    assert "Removed" in cli.answering("", "destinations", "remove", "app", "--yes").stdout
