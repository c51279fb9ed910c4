"""The pipe that wakes workers: one announcement stands for many, and nobody at the other end hurts nobody."""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.announcing.pipe import Pipe


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pipe"


@pytest.fixture
def listener(path: Path) -> Iterator[Pipe]:
    made = Pipe(path)
    yield made
    made.close()


@pytest.fixture
def announcer(path: Path) -> Iterator[Pipe]:
    made = Pipe(path)
    yield made
    made.close()


def is_readable(descriptor: int | None) -> bool:
    assert descriptor is not None
    return bool(select.select([descriptor], [], [], 0)[0])


def test_what_is_announced_is_heard_once(listener: Pipe, announcer: Pipe) -> None:
    descriptor = listener.listen()
    assert not is_readable(descriptor)
    announcer.announce()
    assert is_readable(descriptor)
    listener.hear()
    assert not is_readable(descriptor)
    announcer.announce()
    assert is_readable(descriptor), "and the next one again"


def test_while_one_is_outstanding_no_other_is_made(listener: Pipe, announcer: Pipe) -> None:
    descriptor = listener.listen()
    for _ in range(1_000):
        announcer.announce()
    assert descriptor is not None
    assert os.read(descriptor, 4096) == b"\0"


def test_one_made_before_the_worker_came_back_is_heard(path: Path, listener: Pipe, announcer: Pipe) -> None:
    listener.listen()
    listener.close()
    announcer.announce()
    announcer.announce()
    assert is_readable(listener.listen())


def test_an_announcer_that_was_there_first_finds_the_pipe_later(listener: Pipe, announcer: Pipe) -> None:
    announcer.announce()
    descriptor = listener.listen()
    announcer.announce()
    assert is_readable(descriptor)


def test_a_job_is_told_from_a_delivery_and_never_hidden_behind_one(listener: Pipe, announcer: Pipe) -> None:
    listener.listen()
    announcer.announce()
    assert not listener.hear()
    announcer.announce()
    announcer.announce_job()
    assert listener.hear()
    assert not listener.hear()


def test_a_pipe_full_of_jobs_holds_nobody_up(listener: Pipe, announcer: Pipe) -> None:
    listener.listen()
    # It takes 65 536.
    for _ in range(70_000):
        announcer.announce_job()
    announcer.announce()
    assert listener.hear()


def test_hearing_what_another_worker_heard_is_harmless(listener: Pipe) -> None:
    listener.listen()
    listener.hear()


def test_the_pipe_is_private(path: Path, listener: Pipe) -> None:
    listener.listen()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_in_its_place_is_not_written_to(path: Path, listener: Pipe, announcer: Pipe) -> None:
    path.write_text("precious")
    announcer.announce()
    with pytest.raises(OSError, match="no named pipe"):
        listener.listen()
    assert path.read_text() == "precious"


def test_without_a_path_there_is_nothing_to_do() -> None:
    silent = Pipe(None)
    silent.announce()
    assert silent.listen() is None
    silent.hear()
    silent.close()
