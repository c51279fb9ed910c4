"""Names of routes: unique for a tenant; a route that is given none is called after its source and destination. Pure.

A route that a program of the version before has added has no name: its id stands for it until it is given one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import count

from gateway.errors import Fault

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
ID = re.compile(r"rte_[0-9a-z]{26}", re.ASCII)
# A derived name is at most so long, with room for a number behind it.
STEM_CHARACTERS = 120


def name_faults(name: str | None) -> Iterator[Fault]:
    """What is wrong with a name that a person gives; None stands for a derived one."""
    if name is None:
        return
    if not NAME.fullmatch(name):
        message = f"{name!r} is not a route's name: use letters, digits, dots, - and _"
        yield Fault("name", "malformed", message, {"pattern": NAME.pattern})
    elif is_id(name):
        yield Fault("name", "reserved", f"{name!r} is written like a route's id: give it another name")


def is_id(key: str) -> bool:
    """Whether what addresses a route is an id: no name is written like one."""
    return ID.fullmatch(key) is not None


def stem(source: str, destination: str) -> str:
    """What a route from `source` to `destination` is called, the first of them."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", f"{source}-to-{destination}")[:STEM_CHARACTERS]


def derived_name(source: str, destination: str, taken: Collection[str]) -> str:
    """The name of a route that is given none: `github-to-app`, and the next free one of `github-to-app-2`, ….

    `taken` are the tenant's names that begin so.
    """
    first = stem(source, destination)
    numbered = (f"{first}-{number}" for number in count(2))
    return first if first not in taken else next(name for name in numbered if name not in taken)


def is_derived(name: str, source: str, destination: str) -> bool:
    """Whether nobody gave this name to a route from `source` to `destination`, as far as it tells."""
    first = stem(source, destination)
    return name == first or re.fullmatch(re.escape(first) + r"-[0-9]+", name) is not None
