"""Options of commands that list pages, and how a page ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from gateway.cli.terminal.options import TimeOrAge
from gateway.cli.terminal.output import note
from gateway.db.paging import DEFAULT_LIMIT, MAX_LIMIT

Command = TypeVar("Command", bound=Callable[..., Any])


def page_options(command: Command) -> Command:
    """`--limit` and `--cursor`."""
    limit = click.option(
        "--limit", type=click.IntRange(1, MAX_LIMIT), default=DEFAULT_LIMIT, show_default=True, help="Rows of a page."
    )
    cursor = click.option("--cursor", metavar="CURSOR", help="Go on after a page: its next_cursor.")
    return limit(cursor(command))


def time_options(command: Command) -> Command:
    """`--since` and `--until`."""
    since = click.option(
        "--since", type=TimeOrAge(), metavar="TIME", help="Not older than this: 1h, or 2026-05-01T12:00."
    )
    until = click.option("--until", type=TimeOrAge(), metavar="TIME", help="Older than this.")
    return since(until(command))


def note_more(next_cursor: str | None) -> None:
    """Say how to go on, when there is more."""
    if next_cursor is not None:
        note(f"There are more: --cursor {next_cursor}")
