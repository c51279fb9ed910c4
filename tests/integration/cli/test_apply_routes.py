"""`gateway apply` with routes that are edited: changed in place, told old and new, never delivered twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.conftest import CommandLine

HEAD = """
sources: [{slug: github, provider: github, secret: s3cret-one}]
destinations: [{name: app, url: "http://127.0.0.1:9/?token=hunter2", headers: {X-Key: hunter2}}]
"""
Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a manifest with these routes; its path."""
    path = tmp_path / "gateway.yaml"

    def make(routes: str, head: str = HEAD) -> str:
        path.write_text(head + routes)
        return str(path)

    return make


def routes(cli: CommandLine) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = cli.json("routes", "list")["data"]
    return data


@pytest.mark.parametrize("name", ["", "name: pushes, "])
def test_an_edited_route_is_changed_in_place(cli: CommandLine, write: Write, name: str) -> None:
    cli("apply", write(f"routes: [{{{name}source: github, types: [push], to: app}}]"))
    [before] = routes(cli)
    edited = write(f"routes: [{{{name}source: github, types: [push, star], where: 'ref', to: app}}]")
    planned = cli("apply", edited, "--plan")
    assert planned.stdout.splitlines() == [
        f"update route {before['name']}: push, star of github to app",
        "  types: push → push, star",
        "  where: none → ref",
    ]
    assert routes(cli) == [before]
    cli("apply", edited)
    assert routes(cli) == [before | {"event_types": ["push", "star"], "where": "ref"}]
    assert cli.json("apply", edited)["changes"] == []


def test_a_name_lets_everything_change(cli: CommandLine, write: Write) -> None:
    cli("apply", write("routes: [{name: all, source: github, to: app}, {name: own, source: gateway, to: app}]"))
    before = routes(cli)
    swapped = write("routes: [{name: own, source: github, to: app}, {name: all, source: gateway, to: app}]")
    cli("apply", swapped)
    assert routes(cli) == [before[0] | {"source": "gateway"}, before[1] | {"source": "github"}]


def test_giving_a_name_is_no_other_route(cli: CommandLine, write: Write) -> None:
    cli("apply", write("routes: [{source: github, to: app}]"))
    [before] = routes(cli)
    named = write("routes: [{name: everything, source: github, to: app}]")
    assert "  name: github-to-app → everything" in cli("apply", named).stdout
    assert routes(cli) == [before | {"name": "everything"}]


def test_what_could_be_an_edit_of_several_is_refused(cli: CommandLine, write: Write) -> None:
    cli("apply", write("routes: [{source: github, types: [push], to: app}, {source: github, types: [star], to: app}]"))
    before = routes(cli)
    both = write("routes: [{source: github, types: [fork], to: app}, {source: github, types: [issues], to: app}]")
    refused = cli("apply", both, code=1).stderr
    assert "routes[0].name: this may be a change of github-to-app or github-to-app-2" in refused
    assert "give it a name" in refused
    beside = write("routes: [{name: forks, source: github, types: [fork], to: app}]")
    assert "gateway routes change github-to-app --name NAME" in cli("apply", beside, code=1).stderr
    assert routes(cli) == before


def test_every_plan_names_what_the_file_does_not_have(cli: CommandLine, write: Write) -> None:
    path = write("routes: [{source: github, to: app}]")
    cli("apply", path)
    cli("sources", "add", "old", "--provider", "github", "--secret", "x")
    cli("destinations", "add", "other", "http://127.0.0.1:9/")
    cli("routes", "add", "--source", "old", "--to", "other", "--name", "mine")
    kept = [
        "keep source old (not in the file)",
        "keep destination other (not in the file)",
        "keep route mine: * of old to other (not in the file)",
    ]
    assert cli("apply", path, "--plan").stdout.splitlines() == kept
    assert cli("apply", path).stdout.splitlines() == kept
    pruned = cli("apply", path, "--prune").stdout.splitlines()
    assert pruned == ["remove route mine: * of old to other", *kept[:2]]
    assert [route["name"] for route in routes(cli)] == ["github-to-app"]


def test_old_and_new_are_told_and_secrets_never(cli: CommandLine, write: Write) -> None:
    cli("apply", write(""))
    head = HEAD.replace("s3cret-one", "s3cret-two").replace("?token=hunter2", "in?token=hunter3")
    path = write("", head.replace("X-Key: hunter2", "X-Key: hunter3").replace("}]", ", rate: 2}]"))
    for flags in (("--plan",), ("--plan", "--json"), ()):
        told = cli("apply", path, *flags).output
        assert "s3cret" not in told
        assert "hunter" not in told
        if "--json" not in flags:
            assert "  credentials.secret: … → …" in told
            assert "  url: http://127.0.0.1:9/?token=… → http://127.0.0.1:9/in?token=…" in told
            assert "  headers.X-Key: … → …" in told
            assert told.count("  rate: none → 2") == 2


@pytest.mark.parametrize("text", ["", "{}", "routes: []", "sources: []"])
def test_a_file_without_routes_prunes_only_when_told(cli: CommandLine, write: Write, text: str) -> None:
    cli("apply", write("routes: [{source: github, to: app}]"))
    path = write(text, head="")
    for flags in (("--plan",), ()):
        refused = cli("apply", path, "--prune", *flags, code=1).stderr
        assert "every route would be removed: say --allow-empty" in refused
    assert len(routes(cli)) == 1
    assert cli("apply", path).stdout.startswith("keep source github")
    cli("apply", path, "--prune", "--allow-empty")
    assert routes(cli) == []


def test_a_terminal_is_asked_before_what_is_there_changes(cli: CommandLine, write: Write) -> None:
    created = cli.answering("n", "apply", write("routes: [{source: github, to: app}]"))
    assert "?" not in created.stderr
    [before] = routes(cli)
    edited = write("routes: [{source: github, where: ref, to: app}]")
    refused = cli.answering("n", "apply", edited, code=1)
    assert "update route github-to-app" in refused.stdout
    assert "  where: none → ref" in refused.stdout
    assert "Make this change? [y/N]" in refused.stderr
    assert "nothing was changed" in refused.stderr
    assert routes(cli) == [before]
    cli.answering("y", "apply", edited)
    assert routes(cli) == [before | {"where": "ref"}]
    assert "?" not in cli.answering("n", "apply", write("routes: [{source: github, to: app}]"), "--yes").stderr
    assert routes(cli) == [before]
