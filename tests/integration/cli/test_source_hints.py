"""What `gateway sources add` tells a person to do next."""

from __future__ import annotations

from tests.integration.cli.conftest import CommandLine


def test_a_source_with_a_secret_can_be_tried_at_once(cli: CommandLine) -> None:
    said = cli("sources", "add", "github", "--provider", "github", "--generate-secret").stderr
    assert "enter it at the vendor now" in said
    assert "gateway send github" in said


def test_a_source_that_waits_for_its_secret_says_what_brings_it(cli: CommandLine) -> None:
    said = cli("sources", "add", "tasks", "--provider", "asana").stderr
    assert "its handshake brings the secret: gateway sources show tasks" in said
    assert "gateway send" not in said


def test_a_sender_that_does_not_sign_gets_an_address_that_nobody_guesses(cli: CommandLine) -> None:
    added = cli.json("sources", "add", "-", "--provider", "generic", "--scheme", "unsigned")
    assert added["slug"].startswith("src_")
    assert len(added["slug"]) >= 36
