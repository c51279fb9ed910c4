"""How commands fail: one line on stderr that says what to do, and an exit code that scripts can use.

0 done · 1 refused or failed · 2 wrong usage · 3 not found · 4 the database cannot be used now
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import click

from gateway.cli.terminal.hints import message
from gateway.errors import ConfigurationError, GatewayError, NotFound, StorageUnavailable

FAILED = 1
USAGE = 2
NOT_FOUND = 3
STORAGE_UNAVAILABLE = 4


def fail(text: str, code: int = FAILED) -> NoReturn:
    """End the command with `code`; every line of the text is shown as an error."""
    for line in text.splitlines():
        click.echo(f"Error: {line}", err=True)
    raise click.exceptions.Exit(code)


def fail_all(errors: Sequence[GatewayError]) -> NoReturn:
    """End the command with several errors at once, and the exit code of the gravest: settings, database, others."""
    codes = [exit_code(error) for error in errors]
    fail("\n".join(map(message, errors)), next(code for code in (USAGE, STORAGE_UNAVAILABLE, *codes) if code in codes))


@contextmanager
def failures() -> Iterator[None]:
    """End the command on one of our errors; anything else is a defect and keeps its traceback."""
    try:
        yield
    except GatewayError as error:
        fail(message(error), exit_code(error))
    except BrokenPipeError:
        # The reader of a pipe (`| head`) has seen enough.
        raise SystemExit(0) from None


def exit_code(error: GatewayError) -> int:
    """The exit code of a command that ends with `error`."""
    if isinstance(error, NotFound):
        return NOT_FOUND
    if isinstance(error, StorageUnavailable):
        return STORAGE_UNAVAILABLE
    return USAGE if isinstance(error, ConfigurationError) else FAILED
