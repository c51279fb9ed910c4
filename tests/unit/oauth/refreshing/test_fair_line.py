"""Work for several threads, in which nobody's takes all of them."""

from __future__ import annotations

import threading

from gateway.oauth.refreshing.fair_line import FairLine


def line(*items: str, most: int = 2) -> FairLine[str]:
    return FairLine(items, group=lambda item: item[0], most=most)


def test_groups_have_their_turns_and_no_group_more_than_its_share() -> None:
    work = line("a1", "a2", "a3", "b1")
    assert [work.take() for _ in range(3)] == ["a1", "b1", "a2"]
    taken: list[str | None] = []
    waits = threading.Thread(target=lambda: taken.append(work.take()))
    waits.start()
    work.done("b1")
    assert not taken
    work.done("a1")
    waits.join(10)
    assert taken == ["a3"]
    assert work.take() is None


def test_what_is_dropped_is_not_taken() -> None:
    work = line("a1", "a2", "b1", "b2")
    work.take()
    work.drop("a")
    assert [work.take(), work.take(), work.take()] == ["b1", "b2", None]


def test_whoever_waits_leaves_when_it_is_closed() -> None:
    work = line("a1", "a2", most=1)
    work.take()
    taken: list[str | None] = []
    waits = threading.Thread(target=lambda: taken.append(work.take()))
    waits.start()
    work.close()
    waits.join(10)
    assert taken == [None]
