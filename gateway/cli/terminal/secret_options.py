"""Secrets as they are given on a command line: plainly, or by the name of a variable that holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.cli.terminal.output import note
from gateway.config import read_variable
from gateway.errors import InvalidInput

SECRET = "secret"  # noqa: S105 (the name of a kind)


def from_variable(name: str) -> str:
    """What the variable `name` holds. Raises `InvalidInput` when it is not set."""
    value = read_variable(name)
    if not value:
        raise InvalidInput(f"the variable {name} is not set or empty")
    return value


def one_secret(plain: str | None, variable: str | None, *, generated: bool = False) -> str | None:
    """The secret given in one of the ways, None when in none (or `generated`). Raises `InvalidInput` for several."""
    if sum((plain is not None, variable is not None, generated)) > 1:
        raise InvalidInput("give one of --secret, --secret-env and --generate-secret")
    found = from_variable(variable) if variable is not None else plain
    return None if found is None else trimmed(found)


def trimmed(secret: str) -> str:
    """The secret without whitespace around it, which comes with pasting; said where there was some."""
    bare = secret.strip()
    if bare != secret:
        note("The whitespace around the secret was left out.")
    return bare


def credentials(
    plain: Sequence[tuple[str, str]], variables: Sequence[tuple[str, str]], secret: str | None
) -> Mapping[str, str]:
    """Credentials by kind. Raises `InvalidInput` when a kind is given twice or a variable is not set."""
    pairs = [*plain, *((kind, from_variable(name)) for kind, name in variables)]
    if secret is not None:
        pairs.append((SECRET, secret))
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidInput("a credential is given twice")
    return found
