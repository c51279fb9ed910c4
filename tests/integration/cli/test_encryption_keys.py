"""Commands where the key of the database is not, and `gateway secrets list | forget`."""

from __future__ import annotations

from pathlib import Path

from gateway.security.sealing import generate_key
from tests.integration.cli.conftest import CommandLine


def test_a_command_in_another_folder_ends_with_2(cli: CommandLine, tmp_path: Path) -> None:
    cli("destinations", "add", "app", "http://127.0.0.1:9/")
    for command_line in (("destinations", "add", "other", "http://127.0.0.1:9/"), ("worker",)):
        refused = cli(*command_line, code=2, GATEWAY_ENCRYPTION_KEYS="")
        assert "there is no key here" in refused.stderr
        assert "secrets forget" in refused.stderr
    assert not (tmp_path / "instance").exists()


def test_a_lost_key_is_given_up_by_a_person(cli: CommandLine) -> None:
    cli("sources", "add", "github", "--provider", "github", "--secret", "x")
    ([lost, place, use],) = cli.rows("secrets", "list")
    assert (place, use) == ("here", "needed")
    cli("secrets", "forget", lost, "--yes", code=1)
    new = {"GATEWAY_ENCRYPTION_KEYS": generate_key()}
    assert {tuple(row[1:]) for row in map(str.split, cli("secrets", "list", **new).stdout.splitlines())} == {
        ("here", "not", "used", "yet"),
        ("missing", "needed"),
    }
    cli("sources", "rotate", "github", "--secret", "y", code=2, **new)
    cli("secrets", "forget", lost, code=2, **new)
    cli("secrets", "forget", "0" * 16, "--yes", code=3, **new)
    cli("secrets", "forget", lost, "--yes", **new)
    cli("sources", "rotate", "github", "--secret", "y", **new)
    assert cli.json("secrets", "list", **new)["data"][0]["is_needed"] is True
