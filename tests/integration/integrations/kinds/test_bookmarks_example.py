"""The type that the guide shows as code, over the system that it is of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.services.examples import example
from tests.services.integration_types import ResourceCase, TypeCase, opened
from tests.services.json_server import Asked, Said, json_server
from tests.services.type_contract import TypeContract

TOKEN = "token-of-the-bookmarks"


@dataclass
class System:
    """Bookmarks as lines of text, by id."""

    token: str = TOKEN
    lines: dict[str, str] = field(default_factory=dict)
    changes: int = 0

    def put(self, identifier: str, title: str, url: str) -> str:
        self.changes += 1
        self.lines[identifier] = f"{identifier}\t{self.changes}\t{title}\t{url}"
        return self.lines[identifier]

    def __call__(self, asked: Asked) -> Said:
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return Said(401, f"not {asked.headers.get('authorization')}")
        identifier = asked.path.removeprefix("/bookmarks").strip("/")
        if not identifier:
            begin = int(asked.query["from"])
            return Said(200, "\n".join(list(self.lines.values())[begin : begin + 50]))
        if identifier not in self.lines:
            return Said(404, "no such bookmark")
        if asked.method == "PUT":
            _, _, title, url = str(asked.document).split("\t")
            return Said(200, self.put(identifier, title, url))
        return Said(200, self.lines[identifier])


@pytest.fixture
def case(tmp_path: Path) -> Iterator[TypeCase]:
    system = System()
    for number in range(120):
        system.put(str(number + 1), f"Title {number}", f"https://example.com/{number}")
    kind = example("bookmarks/bookmarks.py").BookmarksType()
    with json_server(system) as url, opened(kind, {"base_url": url}, {"token": TOKEN}, tmp_path) as instance:
        resource = kind.resources(instance)[0]
        yield TypeCase(
            kind=kind,
            instance=instance,
            resources={
                "bookmarks": ResourceCase(resource=resource, edit={"title": "New"}, broken=("1\ttwo", "\t1\tA\tb", 7))
            },
            secrets=(TOKEN,),
            refuse=lambda: refusing(system),
        )


@contextmanager
def refusing(system: System) -> Iterator[None]:
    system.token = "another"
    yield
    system.token = TOKEN


class TestBookmarks(TypeContract):
    """What holds for each type."""
