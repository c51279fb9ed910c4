"""What commands print: tables and fields for people, tab-separated lines for pipes, JSON for programs.

On a terminal a table is aligned and has a header, and times have an age; in a pipe every row is one line of
tab-separated columns, in the same order, without a header. Ids are never shortened. Text that came from outside is
shown without its control characters: it must not be able to write to the terminal.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import click

from gateway.clock import iso

Cell = str | int | float | datetime | Sequence[str] | None

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_CONTROL_BUT_NEWLINE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def print_json(value: object) -> None:
    """`value` (of dataclasses, mappings, sequences, datetimes) as JSON."""
    click.echo(json.dumps(as_data(value), ensure_ascii=False, indent=2))


def print_json_line(value: object) -> None:
    """`value` as one line of JSON."""
    click.echo(json.dumps(as_data(value), ensure_ascii=False))


def as_data(value: object) -> Any:
    """`value` as what `json` takes: dataclasses become objects, times ISO 8601, bytes text or base64's alternative."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: as_data(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): as_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_data(item) for item in value]
    return value


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, now: datetime) -> None:
    """Rows for people or for a pipe, as the standard output is."""
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(show(cell) for cell in row))
        return
    for line in aligned(columns, [[show(cell, now=now) for cell in row] for row in rows]):
        click.echo(line)


def aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table; no cell is cut or wrapped. Pure."""
    table = [[column.upper() for column in columns], *rows]
    widths = [max(len(row[index]) for row in table) for index in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def print_fields(fields: Sequence[tuple[str, Cell]], *, now: datetime) -> None:
    """Labels and values, one a line; a value that is None is left out."""
    shown = [(label, show(value, now=now if sys.stdout.isatty() else None)) for label, value in fields if value != ()]
    width = max((len(label) for label, _ in shown), default=0) + 2
    for label, text in shown:
        if text != "-":
            click.echo(f"{label + ':':<{width}}{text}")


def note(message: str) -> None:
    """A remark for people, on stderr."""
    click.echo(message, err=True)


def show(cell: Cell, *, now: datetime | None = None) -> str:
    """A cell's text; with `now`, times get their age. Pure."""
    if cell is None or cell == "":
        return "-"
    if isinstance(cell, datetime):
        return iso(cell) if now is None else f"{iso(cell)} ({age(now - cell)})"
    if isinstance(cell, float):
        return f"{cell:g}"
    if isinstance(cell, str | int):
        return printable(str(cell))
    return printable(", ".join(cell)) or "-"


def age(distance: timedelta) -> str:
    """`3 min ago`, `in 2 h`, `now`."""
    seconds = distance.total_seconds()
    for size, unit in _STEPS:
        if abs(seconds) >= size:
            count = int(abs(seconds) // size)
            return f"{count} {unit} ago" if seconds > 0 else f"in {count} {unit}"
    return "now"


def printable(text: str) -> str:
    """`text` on one line, with control characters written out."""
    return _CONTROL.sub(_written_out, text)


def printable_lines(text: str) -> str:
    """`text` with its lines, other control characters written out."""
    return _CONTROL_BUT_NEWLINE.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    character = match[0]
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character) or f"\\u{ord(character):04x}"
