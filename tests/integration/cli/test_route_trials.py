"""A route with a filter or a transform is tried when it is given, and what would be a dead letter is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import event as sqlalchemy_event

from gateway.db.database import Database
from gateway.delivery.routes import trial
from tests.integration.cli.conftest import CommandLine
from tests.services.rows import store_event

NOW = datetime.now(UTC)
Ready = Callable[[], CommandLine]
ADD = ("routes", "add", "--source", "github", "--to", "app")


def test_samples_and_the_last_events_are_counted(ready: Ready, database: Database) -> None:
    cli = ready()
    for number, body in enumerate((b'{"ref": "main"}', b'{"ref": null}', b'{"ref": ["main"]}', b"{}", b"no JSON")):
        store_event(database, NOW - timedelta(minutes=number), body=body)
    store_event(database, NOW, type="issues", body=b'{"ref": "main"}')
    store_event(database, NOW, source="other", body=b'{"ref": "main"}')
    added = cli(*ADD, "--type", "push", "--where", "ref != 'x'", "--transform", "ref", "--name", "refs")
    assert added.stderr.splitlines()[:3] == [
        "refs on trial: of 1 samples of the provider 1 sent; "
        "of the last 5 events of the source 2 sent, 2 null, 1 failed",
        "  what fails is a dead letter: the body is not JSON",
        "  null is a dead letter too: narrow the route with a filter, or send it: --allow-null, allow_null: true",
    ]
    changed = cli.json("routes", "change", "refs", "--allow-null", "--where", "starts_with(ref, 'm')")["trial"]
    assert changed["samples"]["tried"] == 1
    events = changed["events"]
    assert (events["tried"], events["sent"], events["turned_away"], events["null"], events["failed"]) == (5, 1, 0, 0, 4)
    assert "starts_with() takes string" in events["detail"]


def test_what_has_no_expression_is_not_tried(ready: Ready, database: Database) -> None:
    cli = ready()
    store_event(database, NOW)
    assert "trial" not in cli.json(*ADD, "--type", "push")
    assert "on trial" not in cli(*ADD, "--type", "issues").stderr


def test_nothing_to_try_it_on_is_told(ready: Ready) -> None:
    assert "no sample and none of the last events" in ready()(*ADD, "--type", "nope", "--where", "a").stderr


def test_a_plan_warns_before_anything_is_done(cli: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(
        "sources: [{slug: gh, provider: github, secret: x}]\n"
        "destinations: [{name: app, url: 'http://127.0.0.1:9/'}]\n"
        "routes: [{source: gh, types: [push], transform: nothing_there, to: app}, {source: gh, where: '@', to: app}]\n"
    )
    planned = cli("apply", str(path), "--plan")
    assert "gh-to-app on trial: of 1 samples of the provider 1 null" in planned.stderr
    assert "gh-to-app-2" not in planned.stderr
    assert cli.json("apply", str(path))["trials"]["gh-to-app"]["samples"]["null"] == 1


def test_what_is_read_for_a_trial_is_bounded(ready: Ready, database: Database) -> None:
    cli = ready()
    store_event(database, NOW - timedelta(days=1), body=b'{"a": "' + b"x" * trial.TRIED_BODY_BYTES + b'"}')
    for number in range(trial.TRIED_EVENTS + 3):
        store_event(database, NOW - timedelta(minutes=number))
    with database.system_session() as session:
        assert len(trial.last_events(session, "github")) == trial.TRIED_EVENTS
    statements: list[tuple[str, object]] = []
    sqlalchemy_event.listen(
        database.engine, "before_cursor_execute", lambda *args: statements.append((str(args[2]), args[3]))
    )
    with database.system_session() as session:
        assert trial.last_events(session, "unknown") == []
    assert str(trial.LOOKED_AT_EVENTS) in repr(statements[0])
    assert cli.json(*ADD, "--type", "push", "--where", "ref")["trial"]["events"]["tried"] == trial.TRIED_EVENTS
