"""What commands say of things that are out of order."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.cli.terminal.output import note, printable
from gateway.out_of_order import NOT_LOADED, OutOfOrder


def reason(found: OutOfOrder | None) -> str | None:
    """Code and sentence; None of what is in order."""
    return None if found is None else f"{found.code}: {found.detail}"


def note_out_of_order(found: Iterable[tuple[str, OutOfOrder | None]]) -> None:
    """Beside a list, one line for each of `found`, by its name, that is out of order."""
    for name, out_of_order in found:
        if out_of_order is not None:
            note(printable(f"{name} {in_words(out_of_order)}"))


def in_words(found: OutOfOrder) -> str:
    """What goes on after the thing's name: that it is out of order, and why."""
    return f"is not loaded: {found.detail}" if found.state == NOT_LOADED else f"is out of order: {reason(found)}"
