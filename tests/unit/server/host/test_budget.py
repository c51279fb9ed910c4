"""Who gives way when much is under way."""

from __future__ import annotations

from gateway.server.host.budget import SPELL_BYTES, Budget


class Sender:
    """Holds what it took until it is told to let go."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.held = 0

    def take(self, size: int, *, is_coming: bool = True) -> bool:
        self._budget.take(size)
        self.held += size
        return self._budget.make_room(self, is_coming=is_coming)

    def let_go(self) -> None:
        self._budget.give_back(self.held)
        self.held = 0


def test_the_eldest_that_is_still_coming_makes_room() -> None:
    budget = Budget(100)
    whole, first, second, third = (Sender(budget) for _ in range(4))
    assert whole.take(40, is_coming=False)
    assert first.take(30)
    assert second.take(30)
    # Not the larger one, nor the one that came last: the one that has been coming for the longest.
    assert second.take(20)
    assert (whole.held, first.held, second.held) == (40, 0, 50)
    assert third.take(60, is_coming=False)
    assert (whole.held, second.held, third.held) == (40, 0, 60)
    assert budget.held_bytes == 100


def test_who_is_the_eldest_has_to_go() -> None:
    budget = Budget(100)
    first, second = Sender(budget), Sender(budget)
    assert first.take(60)
    assert second.take(40)
    assert not first.take(1)
    first.let_go()
    assert second.take(60)


def test_what_is_whole_is_not_given_up_for_others() -> None:
    budget = Budget(100)
    first, second = Sender(budget), Sender(budget)
    assert first.take(60)
    assert first.take(30, is_coming=False)
    assert not second.take(20, is_coming=False)
    assert first.held == 90


def test_who_has_gone_is_not_asked() -> None:
    budget = Budget(100)
    first, second = Sender(budget), Sender(budget)
    assert first.take(60)
    budget.forget(first)
    assert not second.take(50, is_coming=False)
    assert first.held == 60


def test_a_spell_is_told_of_once_when_it_is_over() -> None:
    budget = Budget(10 * SPELL_BYTES)
    sender = Sender(budget)
    sender.take(SPELL_BYTES - 1)
    sender.let_go()
    assert not budget.has_calmed()
    sender.take(4 * SPELL_BYTES)
    assert not budget.has_calmed()
    sender.let_go()
    assert [budget.has_calmed(), budget.has_calmed()] == [True, False]
