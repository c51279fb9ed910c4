"""The command line against a real database of each kind, in this process."""

from __future__ import annotations

import json
import os
import pty
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import gateway
from gateway.security.sealing import generate_key


@dataclass(frozen=True)
class CommandLine:
    """Runs `gateway …` as a shell would, with settings of the test's own."""

    environment: dict[str, str] = field(repr=False)

    def __call__(self, *arguments: str, code: int = 0, **variables: str) -> Result:
        """The result of a command, whose exit code must be `code`."""
        return self._invoke(arguments, code, variables, None)

    def answering(self, answer: str, *arguments: str, code: int = 0, **variables: str) -> Result:
        """The same with somebody at a terminal as standard input, who answers every question with `answer`."""
        keyboard, screen = pty.openpty()
        try:
            os.write(keyboard, f"{answer}\n".encode())
            with open(screen, "rb") as standard_input:
                return self._invoke(arguments, code, variables, standard_input)
        finally:
            os.close(keyboard)

    def _invoke(
        self, arguments: tuple[str, ...], code: int, variables: dict[str, str], standard_input: IO[bytes] | None
    ) -> Result:
        result = CliRunner().invoke(gateway, arguments, env=self.environment | variables, input=standard_input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    def json(self, *arguments: str, **variables: str) -> Any:
        """What a command says with --json."""
        return json.loads(self(*arguments, "--json", **variables).stdout)

    def doctor(self) -> dict[str, Any]:
        """What the doctor says with --json. A PostgreSQL server of the tests' own trades durability for speed, which is
        told rightly, and left out here.
        """
        result = CliRunner().invoke(gateway, ["doctor", "--json"], env=self.environment)
        examined: dict[str, Any] = json.loads(result.stdout)
        examined["findings"] = [one for one in examined["findings"] if " is off: a power cut" not in one["detail"]]
        assert (result.exit_code == 0) is examined["ok"]
        return examined

    def rows(self, *arguments: str) -> list[list[str]]:
        """The lines of a table in a pipe, as columns."""
        return [line.split("\t") for line in self(*arguments).stdout.splitlines()]


@pytest.fixture
def cli(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on `database_url`."""
    monkeypatch.chdir(tmp_path)
    return CommandLine({"GATEWAY_DATABASE_URL": database_url, "GATEWAY_ENCRYPTION_KEYS": generate_key()})


@pytest.fixture
def ready(cli: CommandLine) -> Callable[[], CommandLine]:
    """The command line with a source `github`, a destination `app`, and a route between them."""

    def make() -> CommandLine:
        cli("sources", "add", "github", "--provider", "github", "--secret", "s3cret")
        cli("destinations", "add", "app", "http://127.0.0.1:9/")
        cli("routes", "add", "--source", "github", "--to", "app")
        return cli

    return make
