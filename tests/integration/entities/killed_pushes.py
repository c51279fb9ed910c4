"""A process that pushes and is killed, over and over: `python -m tests.integration.entities.killed_pushes URL FOLDER`.

The external system is a file, so that it outlives each process. Every round edits what there is, pushes in a process of
its own, and kills that at one point of a call: when its mark is on record and nothing was sent, when the call has taken
effect, or when its answer is there and is about to be kept.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.entities.external import FieldRule
from gateway.installation import Installation
from tests.integration.entities.conftest import Sides
from tests.services.memory_system import MemoryResource

POINTS = ("before_call", "after_call", "before_commit")
OPERATIONS = ("create", "update", "delete")
LEASES_END = 200.0


@dataclass
class FiledResource(MemoryResource):
    """A list that is kept in a file: read before each operation, written after it."""

    file: Path = Path()
    kill: tuple[str, str] = ("", "")
    has_answered: bool = False

    def _enter(self, operation: str, about: Any) -> None:
        self.read()
        if self.kill == ("before_call", operation):
            _die()
        super()._enter(operation, about)

    def _leave(self, operation: str, about: Any) -> None:
        super()._leave(operation, about)
        self.write()
        if self.kill == ("after_call", operation):
            _die()
        self.has_answered = self.has_answered or self.kill == ("before_commit", operation)

    def read(self) -> None:
        """Take in what other processes did."""
        if self.file.exists():
            self.records, self.removed, self.changes, self.made, self.calls = pickle.loads(self.file.read_bytes())

    def write(self) -> None:
        """Keep what this one did."""
        kept = (self.records, self.removed, self.changes, self.made, self.calls)
        whole = self.file.with_suffix(".new")
        whole.write_bytes(pickle.dumps(kept))
        whole.replace(self.file)


class Rules(Mapping[str, FieldRule]):
    """No field has a rule of its own; who asks, when an answer is about to be kept, is killed."""

    def __init__(self, resource: FiledResource) -> None:
        self._resource = resource

    def __getitem__(self, name: str) -> FieldRule:
        raise KeyError(name)

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0

    def get(self, name: str, default: Any = None) -> Any:
        """As a mapping's."""
        if self._resource.has_answered:
            _die()
        return default


def sides_of(url: str, folder: Path, number: int, kill: tuple[str, str] = ("", "")) -> Sides:
    """Both sides, `number` leases later."""
    clock = FakeClock()
    clock.advance(number * LEASES_END)
    settings = Settings(database_url=url, encryption_key_file=folder / "key", allow_private_destinations=True)
    there = FiledResource(file=folder / "system.pickle", kill=kill)
    there.fields = Rules(there)
    there.read()
    sides = Sides(Installation(settings, clock=clock), clock, there)
    # One call at a time, so that the file has one writer.
    sides.options = type(sides.options)(push_concurrency=1)
    return sides


def edit(sides: Sides, number: int) -> None:
    """Something of each kind to send."""
    sides.create(phone=f"made {number}")
    for entity_id in [one for one in sides.live() if not sides.entity(one).attributes["phone"].startswith("made")]:
        sides.set(entity_id, phone=f"round {number}")
    leaving = [one for one in sides.live() if sides.entity(one).attributes.get("leaves") == number]
    for entity_id in leaving:
        sides.delete(entity_id)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(url: str, folder: Path) -> None:
    """All rounds."""
    for number, kill in enumerate([(point, operation) for operation in OPERATIONS for point in POINTS]):
        child = os.fork()
        if child == 0:
            sides = sides_of(url, folder, number, kill)
            edit(sides, number)
            sides.push()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(*kill, "killed" if os.WIFSIGNALED(status) else f"ended {status}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
