"""`gateway integrations`, as a person types it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.conftest import CommandLine
from tests.services.lamp_system import TOKEN, LampSystem, install_types, lamp_system

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def system() -> Iterator[LampSystem]:
    with lamp_system() as running:
        yield running


@pytest.fixture
def lamps(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: LampSystem) -> tuple[str, ...]:
    """What adds an integration of the type `lamps`."""
    install_types(tmp_path / "types")
    monkeypatch.syspath_prepend(str(tmp_path / "types"))
    monkeypatch.setenv("GATEWAY_ALLOW_PRIVATE_DESTINATIONS", "true")
    system.put(3)
    cli("db", "upgrade")
    return ("integrations", "add", "home", "--type", "lamps", "--set", f"url={system.url}", "--secret-env", "token=T")


def test_an_integration_lives(cli: CommandLine, lamps: tuple[str, ...]) -> None:
    assert "Add one" in cli("integrations", "list").stderr
    assert "lamps" in cli("integrations", "types").stdout
    assert "required" in cli("integrations", "types", "lamps").stdout
    added = cli(*lamps, "--set", "depth=5", "--sync", "policy=local_wins", T=TOKEN)
    assert "gateway integrations activate home" in added.stderr
    assert "lamps 3.2 with 3 lamps" in cli("integrations", "test", "home").stdout
    assert "active" in cli("integrations", "activate", "home").stdout
    shown = cli("integrations", "show", "home")
    assert TOKEN not in added.output + shown.output
    assert "local_wins" in shown.stdout
    changed = cli("integrations", "update", "home", "--set", "depth=", "--schedule", "never")
    assert "revision 2" in changed.stdout
    assert "depth" in cli("integrations", "history", "home").stdout
    assert cli.json("integrations", "restore", "home", "1")["configuration"]["depth"] == 5
    assert cli.json("integrations", "pause", "home")["state"] == "paused"
    assert cli.json("integrations", "resume", "home")["state"] == "active"
    [row] = cli.json("integrations", "list")["data"]
    assert row == cli.json("integrations", "show", "home")
    assert "say so with --yes" in cli("integrations", "deactivate", "home", code=2).stderr
    down = cli("integrations", "deactivate", "home", "--yes")
    assert "To be kept" in down.stdout
    assert "inactive: 0 entities removed" in down.stdout
    assert cli.json("integrations", "remove", "home", "--yes") == {"removed": "home"}


def test_what_is_wrong_is_said_with_what_to_do(cli: CommandLine, lamps: tuple[str, ...], system: LampSystem) -> None:
    wrong = cli("integrations", "add", "home", "--type", "lamps", "--set", "depth=many", code=1)
    assert "no whole number" in wrong.stderr
    missing = cli("integrations", "add", "home", "--type", "lamps", "--set", "token=x", code=1)
    for part in ("--secret-env token=VAR", "URL is missing", "is a secret"):
        assert part in missing.stderr
    assert "did you mean 'lamps'" in cli("integrations", "add", "x", "--type", "lamp", code=3).stderr
    cli(*lamps, T="wrong")
    refused = cli("integrations", "activate", "home", code=1)
    assert "It was not activated" in refused.stdout
    assert cli.json("integrations", "show", "home")["reason"] == "authentication_failed"
    assert "did you mean 'home'" in cli("integrations", "show", "hme", code=3).stderr
    assert "nothing is to be changed" in cli("integrations", "update", "home", code=1).stderr
    assert "activate it with" in cli("integrations", "pause", "home", code=1).stderr
