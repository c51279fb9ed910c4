"""Near names are found; what is too long for a name is compared with none."""

from __future__ import annotations

import time

from gateway.errors import Hint
from gateway.suggestions import nearly, suggest

KNOWN = [f"provider-{number}" for number in range(100)]
OTHERWISE = Hint("list_providers")


def test_a_slip_is_found() -> None:
    assert suggest("githb", ["gitlab", "github"], OTHERWISE) == Hint("did_you_mean", {"names": ["github"]})
    assert nearly("githb", ["gitlab", "github"]) == "github"


def test_what_is_like_none_has_another_hint() -> None:
    assert suggest("x", KNOWN, OTHERWISE) is OTHERWISE
    assert nearly("x", KNOWN) is None


def test_a_long_name_takes_no_time() -> None:
    name = "provider-" * 100_000
    started = time.process_time()
    assert suggest(name, KNOWN, OTHERWISE) is OTHERWISE
    assert nearly(name, KNOWN) is None
    # Compared, it takes seconds.
    assert time.process_time() - started < 0.2
