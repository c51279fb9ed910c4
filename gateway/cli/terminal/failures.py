"""How commands fail: one line on stderr that says what to do, and an exit code that scripts can use.

With `--json` the line is an object (`failures_as_json`).

0 done · 1 refused or failed · 2 wrong usage · 3 not found · 4 the database cannot be used now
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import click

from gateway.cli.terminal.failures_as_json import print_failure
from gateway.cli.terminal.hints import fault_line, message
from gateway.cli.terminal.options import AS_JSON
from gateway.errors import ConfigurationError, GatewayError, InvalidInput, NotFound, StorageUnavailable

FAILED = 1
USAGE = 2
NOT_FOUND = 3
STORAGE_UNAVAILABLE = 4


def fail(text: str, code: int = FAILED) -> NoReturn:
    """End the command with `code`; every line of the text is shown as an error."""
    if _as_json():
        print_failure("failed", text)
    else:
        _print(text)
    raise click.exceptions.Exit(code)


def fail_all(errors: Sequence[GatewayError]) -> NoReturn:
    """End the command with several errors at once, and the exit code of the gravest: settings, database, others."""
    codes = [exit_code(error) for error in errors]
    for error in errors:
        _tell(error)
    raise click.exceptions.Exit(next(code for code in (USAGE, STORAGE_UNAVAILABLE, *codes) if code in codes))


@contextmanager
def failures() -> Iterator[None]:
    """End the command on one of our errors; anything else is a defect and keeps its traceback."""
    try:
        yield
    except GatewayError as error:
        _tell(error)
        raise click.exceptions.Exit(exit_code(error)) from error
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


def _tell(error: GatewayError) -> None:
    if not _as_json():
        _print(message(error))
        return
    found = error.faults if isinstance(error, InvalidInput) else ()
    faults = [{"field": fault.field, "code": fault.code, "message": fault_line(fault)} for fault in found]
    print_failure(error.code, message(error), faults)


def _print(text: str) -> None:
    for line in text.splitlines():
        click.echo(f"Error: {line}", err=True)


def _as_json() -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(AS_JSON))
