"""The command line as a whole: every command is there, and explains itself."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from gateway.cli.main import COMMANDS, gateway
from gateway.cli.terminal.failures import exit_code
from gateway.errors import ConfigurationError, Conflict, InvalidInput, NotFound, SchemaBehind, StorageUnavailable


def _every(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from _every(command, (*path, name))


def test_every_command_explains_itself() -> None:
    # Listed here and not by pytest, for which every process of the tests would load every command.
    for path in _every(gateway):
        result = CliRunner().invoke(gateway, [*path, "--help"])
        assert result.exit_code == 0, path
        assert "Usage:" in result.output, path
        assert result.output.splitlines()[2].strip(), path


def test_lists_and_shows_take_json() -> None:
    for path in _every(gateway):
        if path[-1] in ("list", "show", "current", "doctor", "purge", "apply", "send"):
            assert "--json" in CliRunner().invoke(gateway, [*path, "--help"]).output, path


def test_the_group_names_every_command() -> None:
    assert CliRunner().invoke(gateway, ["--help"]).output.count("\n  ") >= len(COMMANDS)
    assert CliRunner().invoke(gateway, ["--version"]).output.startswith("gateway, version")
    assert CliRunner().invoke(gateway, ["nonsense"]).exit_code == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInput("x"), 1),
        (Conflict("x"), 1),
        (ConfigurationError(["x"]), 2),
        (NotFound("x"), 3),
        (StorageUnavailable("x"), 4),
        (SchemaBehind("x"), 4),
    ],
)
def test_exit_codes(error: Exception, code: int) -> None:
    assert exit_code(error) == code  # type: ignore[arg-type]


def test_a_generated_key_stands_alone_on_standard_output() -> None:
    result = CliRunner().invoke(gateway, ["secrets", "generate"])
    assert len(result.stdout.strip()) == 44
    assert result.stdout.count("\n") == 1
    assert not result.stderr
