"""Reading our own Markdown: tables, fences, links, headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.*?)\s*$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Fence:
    """A block of code. `language` is the first word after the opening, or empty."""

    language: str
    text: str


def pages() -> list[Path]:
    """Every page of the project."""
    return [
        *(ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
    ]


def read(name: str) -> str:
    """A page by its path from the project's root."""
    return (ROOT / name).read_text(encoding="utf-8")


def fences(text: str) -> Iterator[Fence]:
    """The blocks of code, in order."""
    for found in re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield Fence(found[1].split(" ")[0], found[2])


def rows(text: str, title: str = "") -> list[list[str]]:
    """The cells of the tables under the heading `title`, up to the next heading; without one, of all tables."""
    if title:
        text = re.split(r"^#{1,6} ", text.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in text.splitlines() if line.startswith("|") and not re.fullmatch(r"[|\s-]+", line)]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]


def codes(cell: str) -> list[str]:
    """What stands in backticks."""
    return _CODE.findall(cell)


def links(text: str) -> list[str]:
    """The targets of all links outside of code."""
    return _LINK.findall(prose(text))


def prose(text: str) -> str:
    """All but the blocks of code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """The names under which GitHub reaches the headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(prose(text))}
