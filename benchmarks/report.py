"""Medians of runs, and the table that a benchmark prints. Pure; measuring is elsewhere."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

HEADINGS = ("bench", "database", "gateway", "reference", "ratio", "target", "")


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be reached: by the ratio where there is a reference, else by the gateway's own figure."""

    bound: float
    at_most: bool = False

    def is_met(self, figure: float) -> bool:
        """Whether `figure` reaches it."""
        return figure <= self.bound if self.at_most else figure >= self.bound

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: the samples of all runs, of the gateway and of what it is compared with."""

    bench: str
    database: str
    unit: str
    gateway: Sequence[float]
    reference: Sequence[float] = ()
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        """The gateway's median by the reference's; None without a reference."""
        if not self.reference:
            return None
        return statistics.median(self.gateway) / max(statistics.median(self.reference), 1e-12)

    @property
    def is_met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        ratio = self.ratio
        return self.target.is_met(statistics.median(self.gateway) if ratio is None else ratio)

    def cells(self) -> tuple[str, ...]:
        """The row as text, one cell per heading."""
        return (
            self.bench,
            self.database,
            spread(self.gateway, self.unit),
            spread(self.reference, self.unit) if self.reference else "–",
            "–" if self.ratio is None else f"{self.ratio:.2f}",
            "–" if self.target is None else str(self.target),
            {None: "", True: "ok", False: "below"}[self.is_met],
        )

    def document(self) -> dict[str, object]:
        """The row for programs: every sample, and what was made of them."""
        document = asdict(self)
        document["target"] = None if self.target is None else str(self.target)
        return document | {
            "gateway_median": statistics.median(self.gateway),
            "reference_median": statistics.median(self.reference) if self.reference else None,
            "ratio": self.ratio,
            "is_met": self.is_met,
        }


def spread(samples: Sequence[float], unit: str) -> str:
    """`3 512 /s (3 401–3 600)`: the median with the least and the greatest sample."""
    middle = f"{_number(statistics.median(samples))} {unit}"
    return middle if len(samples) == 1 else f"{middle} ({_number(min(samples))}–{_number(max(samples))})"


def table(rows: Sequence[Row]) -> str:
    """All rows as a Markdown table, padded for a terminal."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    padded = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    return "\n".join([padded[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *padded[1:]])


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
