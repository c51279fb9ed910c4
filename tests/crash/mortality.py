"""Makes the process it runs in die at a named point, or stand still, when its driver has armed one.

A point is armed by a file `armed/NAME@SIGNAL@PASSES`: whoever passes the point counts the file down by renaming it,
and who finds 0 moves it to `fallen/NAME@PID@TIME` and gets the signal, with no chance to tidy up. A rename has one
winner, so that an armed point is for one process, whichever of them comes by.

Runs in every process of the gateway, before anything of it: imports hardly anything.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.crash.points import POINTS, Point, Role

FOLDER_VARIABLE = "CRASH_FOLDER"
LIST_OF_KINDS = "gateway.engines.kinds"


def watch() -> None:
    """Put the points into their modules, as these are imported."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        sys.meta_path.insert(0, _Patching(Path(folder)))


def role() -> Role:
    """What this process is for. It may have become that after its modules were loaded."""
    return "web" if "gunicorn" in sys.argv[0] else "worker"


class _Patching(MetaPathFinder):
    """Finds modules as usual, and changes them before anybody has a function of theirs in hand."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._by_module: dict[str, list[Point]] = {}
        for point in POINTS:
            self._by_module.setdefault(point.where.partition(":")[0], []).append(point)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        points = self._by_module.get(fullname, [])
        is_wanted = points or fullname == LIST_OF_KINDS
        spec = PathFinder.find_spec(fullname, path, target) if is_wanted else None
        if spec is None or spec.loader is None:
            return None
        loader: Any = spec.loader
        execute = loader.exec_module

        def execute_and_patch(module: ModuleType) -> None:
            execute(module)
            for point in points:
                self._patch(module, point)
            if fullname == LIST_OF_KINDS:
                _add_kinds(module)

        loader.exec_module = execute_and_patch
        return spec

    def _patch(self, module: ModuleType, point: Point) -> None:
        *owners, name = point.where.partition(":")[2].split(".")
        owner = functools.reduce(getattr, owners, module)
        setattr(owner, name, _mortal(getattr(owner, name), point, self._folder))


def _add_kinds(module: Any) -> None:
    """Jobs that write down what they do."""
    from tests.crash.jobs import KINDS

    module.KINDS.update({kind.name: kind for kind in KINDS})


def _mortal(function: Callable[..., Any], point: Point, folder: Path) -> Callable[..., Any]:
    """`function`, on the way into which, or out of which, the process may end."""

    def pass_side(side: str, arguments: tuple[Any, ...]) -> None:
        if side == point.side and point.role == role() and point.only(arguments):
            pass_by(folder, point.name)

    @functools.wraps(function)
    async def awaited(*arguments: Any, **named: Any) -> Any:
        pass_side("before", arguments)
        result = await function(*arguments, **named)
        pass_side("after", arguments)
        return result

    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        pass_side("before", arguments)
        result = function(*arguments, **named)
        pass_side("after", arguments)
        return result

    return awaited if inspect.iscoroutinefunction(function) else called


def pass_by(folder: Path, name: str) -> None:
    """Count this pass, if the point is armed; at its last one this process gets the signal."""
    for entry in os.listdir(folder / "armed"):
        armed, number, left = entry.split("@")
        if armed != name:
            continue
        with suppress(FileNotFoundError):  # another process was quicker
            if int(left):
                os.rename(folder / "armed" / entry, folder / "armed" / f"{name}@{number}@{int(left) - 1}")
            else:
                os.rename(folder / "armed" / entry, folder / "fallen" / f"{name}@{os.getpid()}@{time.monotonic_ns()}")
                os.kill(os.getpid(), int(number))
