"""Errors of commands as data, on standard error: `{"error": {"code": …, "message": …, "faults": […]}}`, one line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import click


def print_failure(code: str, message: str, faults: Sequence[Mapping[str, str]] = ()) -> None:
    """One error. `faults` has what is wrong, each with its `field`, `code` and `message`."""
    error: dict[str, object] = {"code": code, "message": message}
    if faults:
        error["faults"] = [dict(fault) for fault in faults]
    click.echo(json.dumps({"error": error}, ensure_ascii=False), err=True)
