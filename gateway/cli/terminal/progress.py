"""One line on a terminal that tells how far a long work is, and goes when it is done."""

from __future__ import annotations

import sys

import click

from gateway.cli.terminal.output import note


class Progress:
    """Inside the block: one line, in `words` with a number."""

    def __init__(self, words: str) -> None:
        self._words = words
        self._is_shown = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_exception: object) -> None:
        if self._is_shown and kind is None:
            # Whoever worked says now what came of it.
            click.echo("\r\x1b[K", err=True, nl=False)
        elif self._is_shown:
            note("")

    def show(self, done: int, line: str | None = None) -> None:
        """So many are done; `line` says more."""
        if done and sys.stderr.isatty():
            more = "" if line is None else f", {line}"
            # What is left of a longer line before goes.
            click.echo(f"\r{self._words.format(done)}{more}\x1b[K", err=True, nl=False)
            self._is_shown = True
