"""What an app proves itself with, as it is given on a command line: plainly, in a variable, a file, on standard input,
or by a person who is asked.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.cli.terminal.questions import can_answer
from gateway.cli.terminal.request_files import read_bytes
from gateway.cli.terminal.secret_options import from_variable
from gateway.errors import InvalidInput

STANDARD_INPUT = "-"


def client_secret(plain: str | None, variable: str | None, *, asks: bool) -> str | None:
    """The secret that was given, `-` for standard input; `asks` for it where somebody sits at a terminal.

    Raises `InvalidInput`.
    """
    if plain is not None and variable is not None:
        raise InvalidInput("give one of --client-secret and --client-secret-env")
    if variable is not None:
        return from_variable(variable)
    if plain == STANDARD_INPUT:
        return sys.stdin.read()
    if plain is None and asks and can_answer():
        answer: str = click.prompt("Client secret", hide_input=True, err=True)
        return answer
    return plain


def private_key(variable: str | None, file: Path | None) -> str | None:
    """The key that was given, `-` for standard input. Raises `InvalidInput`."""
    if variable is not None and file is not None:
        raise InvalidInput("give one of --private-key-env and --private-key-file")
    if variable is not None:
        return from_variable(variable)
    if file is None:
        return None
    if str(file) == STANDARD_INPUT:
        return sys.stdin.read()
    try:
        return read_bytes(file).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{file} is no text: a private key is given in PEM, or as a JWK") from error
