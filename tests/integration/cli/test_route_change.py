"""`gateway routes change`: mending a route in place, so that what it had failed on can be replayed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.cli.conftest import CommandLine

Ready = Callable[[], CommandLine]


def added(cli: CommandLine, *options: str) -> Any:
    """A new route of the source `github`, as it is shown."""
    made = cli.json("routes", "add", "--source", "github", "--to", "app", *options)
    return cli.json("routes", "show", made["id"])


def test_what_is_given_changes_and_the_rest_stays(ready: Ready) -> None:
    cli = ready()
    route = added(cli, "--type", "push", "--where", "length(total) > `1`", "--transform", "{sum: total}")
    cli("routes", "change", route["id"], "--where", "total > `1`")
    changed = cli.json("routes", "show", route["id"])
    assert changed == route | {"where": "total > `1`"}
    assert changed in cli.json("routes", "list")["data"]
    assert cli.json("routes", "change", route["id"], "--type", "issues", "--type", "push")["event_types"] == [
        "issues",
        "push",
    ]


def test_an_empty_expression_takes_it_away(ready: Ready) -> None:
    cli = ready()
    route = added(cli, "--type", "push", "--where", "a", "--transform", "b")
    changed = cli.json("routes", "change", route["id"], "--where", "", "--transform", "")
    assert (changed["where"], changed["transform"]) == (None, None)


def test_the_command_says_what_to_do_with_what_is_dead(ready: Ready) -> None:
    cli = ready()
    route = added(cli, "--type", "push")
    assert "deliveries retry --state dead" in cli("routes", "change", route["id"], "--where", "a").stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "give --type, --where, --transform"),
        (("--where", "["), "where expression is not valid JMESPath"),
        (("--where", "lenght(a) > `1`"), "calls lenght(), and there is no such function; did you mean 'length'?"),
        (("--transform", "join(', ')"), "calls join() with 1: it takes 2 arguments"),
        (("--type", "a b"), "not an event type"),
        (("--type", "*"), "says exactly this already"),
    ],
)
def test_what_cannot_be_changed(ready: Ready, options: tuple[str, ...], message: str) -> None:
    cli = ready()
    route = added(cli, "--type", "push")
    assert message in cli("routes", "change", route["id"], *options, code=1).stderr
    assert route in cli.json("routes", "list")["data"]


def test_another_tenants_route_is_not_there(ready: Ready) -> None:
    cli = ready()
    route = added(cli, "--type", "push")
    cli("tenants", "create", "acme")
    assert "no route" in cli("routes", "change", route["id"], "--where", "a", "--tenant", "acme", code=3).stderr
