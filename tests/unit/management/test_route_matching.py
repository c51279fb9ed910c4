"""Which route of a file is which that is there. Nothing is guessed that could deliver twice or lose a route."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.delivery.routes.draft import RouteDraft
from gateway.delivery.routes.search import RouteSummary
from gateway.manifest.matching import Matched, match_routes
from tests.services.for_each import for_each_row

PUSH = RouteDraft("github", "app", ("push",))
ISSUES = RouteDraft("github", "app", ("issues",))
STAR = RouteDraft("github", "app", ("star",))


def row(name: str, draft: RouteDraft, *, id_: str = "") -> RouteSummary:
    return RouteSummary(
        id_ or f"id of {name}",
        name,
        draft.source,
        draft.patterns,
        draft.where,
        draft.transform,
        draft.allow_null,
        draft.connection,
        draft.destination,
        datetime(2026, 1, 1, tzinfo=UTC),
    )


def named(draft: RouteDraft, name: str) -> RouteDraft:
    return replace(draft, name=name)


def match(wanted: Sequence[RouteDraft], present: Sequence[RouteSummary], *, prune: bool = False) -> Matched:
    return match_routes(wanted, present, prune=prune)


def names(matched: Matched) -> tuple[dict[int, str], list[str]]:
    """The names of what is matched, by position, and of what is left. There must be no fault."""
    assert matched.faults == []
    return {at: found.name for at, found in matched.rows.items()}, [found.name for found in matched.left]


@for_each_row(
    ("wanted", "present", "matched", "left"),
    [
        # By name, whatever else it says, also between other ends.
        ([named(ISSUES, "a")], [row("a", PUSH)], {0: "a"}, []),
        ([named(RouteDraft("stripe", "billing"), "a")], [row("a", PUSH)], {0: "a"}, []),
        # Contents that change places stay with their names.
        ([named(ISSUES, "a"), named(PUSH, "b")], [row("a", PUSH), row("b", ISSUES)], {0: "a", 1: "b"}, []),
        # By what it says, with a name or without: giving a name is no other route.
        ([PUSH], [row("mine", PUSH)], {0: "mine"}, []),
        ([named(PUSH, "pushes")], [row("github-to-app", PUSH)], {0: "github-to-app"}, []),
        # The only one between its ends, in the file and there, after those that are clear.
        ([ISSUES], [row("github-to-app", PUSH)], {0: "github-to-app"}, []),
        (
            [STAR, PUSH],
            [row("github-to-app", PUSH), row("github-to-app-2", ISSUES)],
            {0: "github-to-app-2", 1: "github-to-app"},
            [],
        ),
        # A route of the version before has no name.
        ([ISSUES], [row("rte_1", PUSH, id_="rte_1")], {0: "rte_1"}, []),
        # New ones.
        ([PUSH], [], {}, []),
        ([named(PUSH, "new")], [row("mine", ISSUES)], {}, ["mine"]),
        ([RouteDraft("github", "other")], [row("github-to-app", PUSH)], {}, ["github-to-app"]),
    ],
)
def test_what_is_clear(
    wanted: list[RouteDraft], present: list[RouteSummary], matched: dict[int, str], left: list[str]
) -> None:
    assert names(match(wanted, present)) == (matched, left)
    assert names(match(wanted, present, prune=True)) == (matched, left)


@pytest.mark.parametrize(
    ("wanted", "present", "fields"),
    [
        # Two edited at once, or one more that might be an edit.
        ([ISSUES, STAR], [row("github-to-app", PUSH)], ["routes[0].name", "routes[1].name"]),
        ([STAR], [row("github-to-app", PUSH), row("github-to-app-2", ISSUES)], ["routes[0].name"]),
        # Somebody named that one: it is his.
        ([STAR], [row("mine", PUSH)], ["routes[0].name"]),
    ],
)
def test_what_could_be_an_edit_must_be_named(
    wanted: list[RouteDraft], present: list[RouteSummary], fields: list[str]
) -> None:
    for prune in (False, True):
        found = match(wanted, present, prune=prune).faults
        assert [(fault.field, fault.code) for fault in found] == [(field, "ambiguous") for field in fields]
        assert all("give it a name" in fault.message for fault in found)


def test_a_new_name_beside_a_route_that_the_file_lacks_is_no_guess() -> None:
    [fault] = match([named(STAR, "stars")], [row("github-to-app", PUSH)]).faults
    assert (fault.field, fault.code) == ("routes[0].name", "ambiguous")
    assert "github-to-app" in fault.message
    # It goes, or was named by a person, or stands in the file too: nothing is delivered twice.
    assert names(match([named(STAR, "stars")], [row("github-to-app", PUSH)], prune=True)) == ({}, ["github-to-app"])
    assert names(match([named(STAR, "stars"), PUSH], [row("github-to-app", PUSH)])) == ({1: "github-to-app"}, [])


def test_an_edit_that_makes_a_twin_of_what_the_file_lacks_is_refused() -> None:
    wanted, present = [named(ISSUES, "a")], [row("a", PUSH), row("b", ISSUES)]
    [fault] = match(wanted, present).faults
    assert (fault.field, fault.code) == ("routes[0]", "duplicate")
    assert names(match(wanted, present, prune=True)) == ({0: "a"}, ["b"])
