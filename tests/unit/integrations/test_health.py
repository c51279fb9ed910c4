"""When a check changes its mind, what happened says of the checks, and what they say together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.integrations.health.judging import Check, after, from_json, worst
from gateway.integrations.health.observing import of_age, of_call, of_data, of_run, of_runs
from gateway.integrations.states import Health
from gateway.integrations.type import CheckResult
from tests.services.for_each import for_each_row

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def looks(*healths: Health) -> list[Health]:
    """What a check says after each of these looks."""
    check: Check | None = None
    said = []
    for number, health in enumerate(healths):
        check = after(check, CheckResult("connectivity", health, "seen"), NOW + timedelta(minutes=number))
        said.append(check.health)
    return said


GOOD, BAD, HALF = Health.HEALTHY, Health.UNHEALTHY, Health.DEGRADED


@for_each_row(
    ("seen", "said"),
    [
        ([GOOD], [GOOD]),
        ([BAD], [BAD]),
        ([GOOD, BAD], [GOOD, GOOD]),
        ([GOOD, BAD, BAD], [GOOD, GOOD, BAD]),
        ([GOOD, BAD, GOOD, BAD, GOOD], [GOOD] * 5),
        ([GOOD, BAD, HALF, BAD, HALF], [GOOD] * 5),
        ([BAD, GOOD], [BAD, BAD]),
        ([BAD, GOOD, GOOD], [BAD, BAD, GOOD]),
    ],
)
def test_a_change_is_believed_when_it_is_seen_twice_in_a_row(seen: list[Health], said: list[Health]) -> None:
    assert looks(*seen) == said


def test_what_no_second_look_will_change_counts_at_once() -> None:
    good = after(None, CheckResult("authentication", GOOD, "taken"), NOW)

    assert after(good, CheckResult("authentication", BAD, "refused"), NOW, is_certain=True).health is BAD


def test_since_is_when_it_changed() -> None:
    check = after(None, CheckResult("a", GOOD, "one"), NOW)
    later = after(check, CheckResult("a", GOOD, "two"), NOW + timedelta(hours=1))

    assert (later.since, later.message) == (NOW, "two")
    assert from_json("a", later.to_json()) == later


def test_the_worst_counts() -> None:
    checks = [after(None, CheckResult(name, health, ""), NOW) for name, health in (("a", GOOD), ("b", HALF))]

    assert worst(checks) is HALF
    assert worst([]) is Health.UNKNOWN


@for_each_row(
    ("code", "said"),
    [
        (None, {"connectivity": GOOD, "authentication": GOOD}),
        ("connection_failed", {"connectivity": BAD}),
        ("integration_too_slow", {"connectivity": BAD}),
        ("authentication_failed", {"connectivity": GOOD, "authentication": BAD}),
        ("connection_needs_reauth", {"connectivity": GOOD, "authentication": BAD}),
        ("authorization_failed", {"connectivity": GOOD, "authentication": HALF}),
        ("system_rate_limited", {"connectivity": HALF}),
    ],
)
def test_a_call_tells_of_the_system_and_of_the_credentials(code: str | None, said: dict[str, Health]) -> None:
    assert {one.name: one.health for one in of_call(code, "seen")} == said


def test_a_run_that_failed_by_its_data_says_nothing_of_the_system() -> None:
    assert {one.name: one.health for one in of_run("error_budget_spent", "bad")} == {"last_run": BAD}
    assert of_run(None, "")[-1].health is GOOD


@for_each_row(
    ("failed", "said"), [([False] * 10, GOOD), ([True, True] + [False] * 8, HALF), ([True] * 5 + [False] * 5, BAD)]
)
def test_many_failures_are_an_error_rate(failed: list[bool], said: Health) -> None:
    assert of_runs(failed)[0].health is said
    assert of_runs([]) == []


@for_each_row(("minutes", "said"), [(20, GOOD), (46, HALF), (151, BAD)])
def test_what_is_late_for_its_schedule_is_stale(minutes: int, said: Health) -> None:
    assert of_age(NOW - timedelta(minutes=minutes), 900, NOW)[0].health is said
    assert of_age(NOW, None, NOW) == []


def test_a_system_that_says_nothing_for_a_week_is_noted() -> None:
    assert of_data(NOW - timedelta(days=8), NOW)[0].health is HALF
    assert of_data(NOW - timedelta(days=1), NOW)[0].health is GOOD
    assert of_data(None, NOW) == []
