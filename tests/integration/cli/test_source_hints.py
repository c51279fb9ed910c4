"""What `gateway sources add` tells a person to do next."""

from __future__ import annotations

from tests.integration.cli.conftest import CommandLine


def test_a_source_with_a_secret_can_be_tried_at_once(cli: CommandLine) -> None:
    said = cli("sources", "add", "github", "--provider", "github", "--generate-secret").stderr
    assert "enter it at the vendor now" in said
    assert "gateway send github" in said


def test_a_source_that_waits_for_its_secret_says_what_brings_it(cli: CommandLine) -> None:
    said = cli("sources", "add", "-", "--provider", "asana").stderr
    assert "its handshake brings the secret: gateway sources show src_" in said
    assert "gateway send" not in said


def test_until_the_secret_is_there_nobody_may_guess_the_address(cli: CommandLine) -> None:
    said = cli("sources", "add", "tasks", "--provider", "asana", code=1).stderr
    assert "whoever brings one first" in said
    assert "use the slug -" in said
    cli("sources", "add", "tasks", "--provider", "asana", "--secret", "the-one-that-came")


def test_an_option_that_names_the_account_is_asked_for_and_can_be_changed(cli: CommandLine) -> None:
    said = cli("sources", "add", "sns", "--provider", "aws-sns", code=1).stderr
    assert "needs the option topic_arn" in said
    assert "--option topic_arn=" in said
    cli("sources", "add", "sns", "--provider", "aws-sns", "--option", "topic_arn=arn:1")
    changed = cli.json("sources", "change", "sns", "--option", "topic_arn=arn:2")
    assert changed["options"] == {"topic_arn": "arn:2"}
    assert "needs the option topic_arn" in cli("sources", "change", "sns", "--option", "topic_arn=", code=1).stderr


def test_a_sender_that_does_not_sign_gets_an_address_that_nobody_guesses(cli: CommandLine) -> None:
    added = cli.json("sources", "add", "-", "--provider", "generic", "--scheme", "unsigned")
    assert added["slug"].startswith("src_")
    assert len(added["slug"]) >= 36
