"""Questions before something is done that cannot be undone. Where nobody can answer, `--yes` must have been given."""

from __future__ import annotations

import sys

import click

from gateway.cli.terminal.failures import USAGE, fail
from gateway.errors import InvalidInput


def can_answer() -> bool:
    """Whether somebody sits at standard input."""
    return sys.stdin.isatty()


def require_yes(question: str, *, yes: bool) -> None:
    """Go on only when `yes` was said already, or is answered now.

    Raises `InvalidInput` when the answer is no; where nobody can answer the command ends as one that was misused.
    """
    if yes:
        return
    if not can_answer():
        fail(f"{question} Nobody can answer here: say so with --yes. Nothing was changed.", USAGE)
    if not click.confirm(question, err=True):
        raise InvalidInput("nothing was changed")


def confirm_at_terminal(question: str, *, yes: bool) -> None:
    """Ask where somebody sits there to answer; scripts mean what they say. Raises `InvalidInput` for a no."""
    if not yes and can_answer() and not click.confirm(question, err=True):
        raise InvalidInput("nothing was changed")


terminal_yes_option = click.option("--yes", is_flag=True, help="Do not ask. Only a terminal is asked.")
