"""Chapters of the README and of `docs/tour.md` as steps: what is typed in which terminal, and what has to be shown.

In the section, a fence `sh 2` is typed in the second terminal, `sh 2 until` again and again until it shows what
follows. A fence `text` is what the commands before it show, `text 3` what the third terminal shows next; `…` stands
for anything in a line, a line `…` for any lines. `<!-- ctrl-c 1 -->` ends what runs in the first terminal;
`<!-- browser: WORDS -->` opens the link that was shown last, and presses the button with these words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

FIRST_WEBHOOK = "First webhook"
TOUR = "The tour goes on"
SEVERAL_MACHINES = "Several machines"
CONNECT = "Connect a customer's account"
SYNCHRONISE = "Synchronise a system"
ANYTHING = "…"
_FENCE = re.compile(r"```(sh|text)(?: (\d))?( until)?")
_CTRL_C = re.compile(r"<!-- ctrl-c (\d) -->")
_BROWSER = re.compile(r"<!-- browser: (.+) -->")


@dataclass(frozen=True)
class Typed:
    """Commands, typed in a terminal."""

    terminal: int
    script: str
    until: bool


@dataclass(frozen=True)
class Shown:
    """What a terminal shows; without a number, what the last commands showed."""

    terminal: int | None
    text: str


@dataclass(frozen=True)
class CtrlC:
    """The end of what runs in a terminal."""

    terminal: int


@dataclass(frozen=True)
class Browsed:
    """The link that was shown last is opened in a browser, and a button is pressed."""

    button: str


Step = Typed | Shown | CtrlC | Browsed


def steps(readme: str, title: str) -> Iterator[Step]:
    """The steps of the chapter `title`, in order."""
    section = readme.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    lines = iter(section.splitlines())
    for line in lines:
        if ctrl_c := _CTRL_C.fullmatch(line):
            yield CtrlC(int(ctrl_c[1]))
        elif browser := _BROWSER.fullmatch(line):
            yield Browsed(browser[1])
        elif fence := _FENCE.fullmatch(line):
            text = "\n".join(_until_end(lines))
            number = int(fence[2]) if fence[2] else None
            if fence[1] == "text":
                yield Shown(number, text)
            else:
                assert number is not None, f"in which terminal? {text}"
                yield Typed(number, text, bool(fence[3]))


def matches(expected: str, shown: str) -> bool:
    """Whether `shown` is `expected`, whatever stands for `…`, however wide the gaps."""
    return re.fullmatch(_pattern(expected), _tidy(shown)) is not None


def find(expected: str, shown: str) -> bool:
    """Whether the lines `expected` stand in `shown`, in this order, with others between them."""
    pattern = r"\n(?:.*\n)*?".join(_line(line) for line in _tidy(expected).splitlines())
    return re.search(f"(?m)^{pattern}$", _tidy(shown)) is not None


def _until_end(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line == "```":
            return
        yield line


def _pattern(expected: str) -> str:
    parts = [
        r"(?:.*\n)*?" if line.strip() == ANYTHING else _line(line) + r"\n" for line in _tidy(expected).splitlines()
    ]
    return "".join(parts)


def _line(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.split(ANYTHING))


def _tidy(text: str) -> str:
    return "".join(" ".join(line.split()) + "\n" for line in text.splitlines())
