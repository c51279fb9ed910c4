"""How bodies and headers of events are shown to people."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from gateway.cli.terminal.output import printable, printable_lines

SHOWN_CHARACTERS = 100_000


def pretty(body: bytes) -> str:
    """The body for people: JSON indented, other text as it is, anything else described."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return f"[{len(body)} bytes that are not text; --json has them in base64]"
    try:
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        # Not JSON, or too deep for it: shown as it came.
        pass
    if len(text) > SHOWN_CHARACTERS:
        text = text[:SHOWN_CHARACTERS] + f"\n[{len(text) - SHOWN_CHARACTERS} more characters; --json has all]"
    return printable_lines(text)


def print_raw(body: bytes) -> None:
    """The bytes alone, for a file or another program."""
    click.echo(body, nl=False)


def print_contents(headers: Sequence[tuple[str, str]], body: bytes) -> None:
    """Headers and body, each under a title."""
    click.echo("\nHeaders")
    for name, value in headers:
        click.echo(f"  {printable(name)}: {printable(value)}")
    click.echo(f"\nBody ({len(body)} bytes)")
    click.echo(pretty(body) if body else "[empty]")
