"""`gateway routes test`: what a route, stored or drafted, would make of the last events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from gateway.cli.route_trial import SHOWN_CHARACTERS
from gateway.db.database import Database
from gateway.delivery.models import Delivery, Route
from tests.integration.cli.conftest import CommandLine
from tests.services.rows import store_event

NOW = datetime.now(UTC)
Ready = Callable[[], CommandLine]


@pytest.fixture
def stocked(ready: Ready, database: Database) -> CommandLine:
    """With events of the source `github`, the newest first in this list."""
    cli = ready()
    for minutes, (type_, body) in enumerate(
        [("push", b'{"ref": "main"}'), ("push", b'{"ref": null}'), ("push", b"no JSON"), ("issues", b"{}")]
    ):
        store_event(database, NOW - timedelta(minutes=minutes), type=type_, body=body)
    store_event(database, NOW, source="other", body=b"{}")
    return cli


def test_a_stored_route_is_tried_as_it_is_and_as_it_would_be(stocked: CommandLine, database: Database) -> None:
    assert [row[3:] for row in stocked.rows("routes", "test", "github-to-app")] == [["is sent", "the raw body"]] * 4
    options = ("--type", "push", "--transform", "ref")
    result = stocked("routes", "test", "github-to-app", *options)
    assert [line.split("\t")[2:] for line in result.stdout.splitlines()] == [
        ["push", "is sent", '"main"'],
        ["push", "is a dead letter: the route's transform gives null here", "-"],
        ["push", "is a dead letter: the body is not JSON", "-"],
        ["issues", "has another type", "-"],
    ]
    assert "1 of the last 4 events of github would be sent" in result.stderr
    assert stocked.rows("routes", "test", "github-to-app", *options, "--allow-null")[1][3:] == ["is sent", "null"]
    with database.system_session() as session:
        [route] = session.query(Route).all()
        assert (route.event_types, route.transform) == (["*"], None)
        assert session.query(Delivery).all() == []


def test_a_route_that_is_not_there_is_tried(stocked: CommandLine) -> None:
    tried = stocked.json("routes", "test", "--source", "github", "--where", "ref == 'main'", "--last", "2")
    assert tried["sent"] == 1
    assert [event["fate"] for event in tried["events"]] == ["sent", "turned_away"]
    made = stocked.json("routes", "test", "--source", "github", "--transform", "{a: ref}", "--last", "1")
    assert made["events"][0]["payload"] == {"a": "main"}


def test_a_long_payload_is_shown_by_its_beginning(stocked: CommandLine, database: Database) -> None:
    store_event(database, NOW + timedelta(minutes=1), body=b'{"ref": "' + b"x" * 5_000 + b'"}')
    [[*_, shown]] = stocked.rows("routes", "test", "github-to-app", "--transform", "ref", "--last", "1")
    assert shown.endswith(f"… ({5_002 - SHOWN_CHARACTERS} more characters; --json has all)")
    store_event(database, NOW + timedelta(minutes=2), body=b'{"ref": "' + b"x" * 20_000 + b'"}')
    [[*_, shown]] = stocked.rows("routes", "test", "github-to-app", "--transform", "ref", "--last", "1")
    assert shown == "20002 bytes"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "--source"),
        (("github-to-ap",), 3, "did you mean 'github-to-app'"),
        (("--source", "githb"), 1, "did you mean 'github'"),
        (("github-to-app", "--where", "["), 1, "not valid JMESPath"),
        (("github-to-app", "--last", "101"), 2, "101"),
    ],
)
def test_what_cannot_be_tried_is_said(stocked: CommandLine, arguments: tuple[str, ...], code: int, said: str) -> None:
    assert said in stocked("routes", "test", *arguments, code=code).stderr
