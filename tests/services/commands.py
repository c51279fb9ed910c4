"""Command lines and variables that docs and files of ours show, held against those that there are."""

from __future__ import annotations

import re
from pathlib import Path

import click

from gateway.cli.main import gateway
from gateway.cli.worker import DEFAULT_DEADLINE
from gateway.delivery.worker.worker import RECORD_AT_LAST_SECONDS
from tests.services.markdown import ROOT, codes, read, rows

# What gunicorn gives requests, and what the commit queue is given then (`gunicorn.conf.py`, `GroupCommit.close`).
WEB_STOP_SECONDS = 25 + 30
# What tries under way are given, and their results.
WORKER_STOP_SECONDS = DEFAULT_DEADLINE.total_seconds() + 2 * RECORD_AT_LAST_SECONDS


def fault(words: list[str]) -> str | None:
    """What is wrong with a command line of ours, or None."""
    command: click.Command = gateway
    context = click.Context(gateway, info_name="gateway")
    while isinstance(command, click.Group):
        name = words.pop(0) if words else ""
        found = command.get_command(context, name)
        if found is None:
            return f"there is no command {name!r} in {context.command_path}"
        command, context = found, click.Context(found, info_name=name, parent=context)
    known = {name for parameter in command.params for name in parameter.opts}
    unknown = [word for word in words if word.startswith("--") and word.split("=")[0] not in known]
    return f"{context.command_path} has no {unknown[0]}" if unknown else None


def program_fault(words: list[str]) -> str | None:
    """What is wrong with a program of ours that a unit or a container starts, or None."""
    name, *rest = words
    if Path(name).name == "gateway":
        return fault(rest)
    given = rest[rest.index("-c") + 1]
    return None if Path(name).name == "gunicorn" and (ROOT / given).exists() else f"{name} is neither of ours"


def known_variables() -> set[str]:
    """The variables of the reference."""
    return {codes(row[0])[0] for row in rows(read("docs/reference/configuration.md")) if codes(row[0])}


def assigned(text: str) -> set[str]:
    """The variables of a file of variables."""
    return set(re.findall(r"^([A-Z_]+)=", text, re.MULTILINE))
