"""A disk that can be full: a small file system of its own, or, where that is not permitted, a limit on file sizes."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

SIZE = "24m"


class SmallDisk:
    """A directory on a disk that `fill` fills and `free` frees. `processes` are those that shall feel it."""

    def __init__(self, directory: Path, *, is_mounted: bool) -> None:
        self.directory = directory
        self._is_mounted = is_mounted

    def fill(self, processes: Iterable[psutil.Process]) -> None:
        """Nothing more can be written."""
        if self._is_mounted:
            with (self.directory / "ballast").open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
                while True:
                    ballast.write(b"x" * 4096)
            return
        largest = max(path.stat().st_size for path in self.directory.iterdir())
        _limit(processes, largest)

    def free(self, processes: Iterable[psutil.Process]) -> None:
        """There is room again."""
        if self._is_mounted:
            (self.directory / "ballast").unlink()
        else:
            _limit(processes, resource.RLIM_INFINITY)


@contextmanager
def small_disk(directory: Path) -> Iterator[SmallDisk]:
    """A disk of `SIZE` at `directory`, inside the block."""
    directory.mkdir()
    mounted = os.geteuid() == 0 and _succeeds("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(directory))
    try:
        yield SmallDisk(directory, is_mounted=mounted)
    finally:
        if mounted:
            _succeeds("umount", "--lazy", str(directory))


def _limit(processes: Iterable[psutil.Process], largest: int) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
            process.rlimit(psutil.RLIMIT_FSIZE, (largest, hard))


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except OSError:
        return False
