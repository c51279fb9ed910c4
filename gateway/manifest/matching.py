"""Which route of a file is which route that is there: an edited one must be changed, never added beside the old one.

A route of the file is the one of its name, else the one that says the same, else, without a name, the only one between
its source and destination that the file has nothing else for. What could be an edit and could be a new route is a
fault: events would be delivered twice, or a route that somebody else added would be lost. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from gateway.delivery.routes.draft import RouteDraft
from gateway.delivery.routes.names import is_derived
from gateway.delivery.routes.search import RouteSummary
from gateway.errors import Fault, Hint

Ends = tuple[str, str]
"""Where a route begins and ends: a source and a destination."""


@dataclass(slots=True)
class Matched:
    """`rows` has the stored route for each of the file's that is there, by its position in the file; `left` are those
    that the file does not have, `faults` what cannot be told.
    """

    rows: dict[int, RouteSummary] = field(default_factory=dict)
    left: list[RouteSummary] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def match_routes(wanted: Sequence[RouteDraft], present: Sequence[RouteSummary], *, prune: bool) -> Matched:
    """`prune` says that those which the file does not have will go."""
    matched = Matched(left=list(present))
    _take(matched, wanted, lambda draft, row: draft.name == row.name)
    _take(matched, wanted, lambda draft, row: draft.is_same(row.draft))
    rows: dict[Ends, list[RouteSummary]] = defaultdict(list)
    for row in matched.left:
        rows[row.source, row.destination].append(row)
    positions: dict[Ends, list[int]] = defaultdict(list)
    for at in _open(matched, wanted):
        positions[wanted[at].source, wanted[at].destination].append(at)
    for ends, some in positions.items():
        _match_between(matched, wanted, some, rows[ends], prune=prune)
    if not prune:
        matched.faults += _twins(matched, wanted)
    return matched


def _take(matched: Matched, wanted: Sequence[RouteDraft], is_one: Callable[[RouteDraft, RouteSummary], bool]) -> None:
    for at in _open(matched, wanted):
        row = next((row for row in matched.left if is_one(wanted[at], row)), None)
        if row is not None:
            _pair(matched, at, row)


def _match_between(
    matched: Matched, wanted: Sequence[RouteDraft], positions: Sequence[int], rows: list[RouteSummary], *, prune: bool
) -> None:
    """Match what the file has open at `positions` with `rows`; all of them lie between the same two ends."""
    nameless = [at for at in positions if wanted[at].name is None]
    if len(nameless) == 1 and len(rows) == 1 and _is_nameless(rows[0]):
        _pair(matched, nameless[0], rows.pop())
    elif rows:
        matched.faults += (_cannot_tell(at, rows) for at in nameless)
    beside = [row for row in rows if _is_nameless(row)]
    if beside and not prune:
        matched.faults += (_new_beside(at, wanted[at], beside[0]) for at in positions if wanted[at].name is not None)


def _twins(matched: Matched, wanted: Sequence[RouteDraft]) -> Iterator[Fault]:
    for at in matched.rows:
        twin = next((row for row in matched.left if row.draft.is_same(wanted[at])), None)
        if twin is not None:
            message = f"the route {twin.name}, which the file does not have, says exactly this already"
            yield Fault(f"routes[{at}]", "duplicate", message, hint=Hint("show_route", {"name": twin.name}))


def _cannot_tell(at: int, rows: Sequence[RouteSummary]) -> Fault:
    names = [row.name for row in rows]
    one = " or ".join(names)
    message = f"this may be a change of {one}, or a route beside: give it a name, that of the route to be changed"
    return Fault(f"routes[{at}].name", "ambiguous", f"{message}, or a new one", {"names": names})


def _new_beside(at: int, draft: RouteDraft, row: RouteSummary) -> Fault:
    message = (
        f"the name {draft.name!r} is new, and the file does not have {row.name}, which leads from {draft.source} to "
        f"{draft.destination} already: events would be delivered twice. Call it {row.name} here to change that one"
    )
    return Fault(
        f"routes[{at}].name", "ambiguous", message, {"names": [row.name]}, Hint("name_route", {"name": row.name})
    )


def _pair(matched: Matched, at: int, row: RouteSummary) -> None:
    matched.rows[at] = row
    matched.left.remove(row)


def _open(matched: Matched, wanted: Sequence[RouteDraft]) -> list[int]:
    return [at for at in range(len(wanted)) if at not in matched.rows]


def _is_nameless(row: RouteSummary) -> bool:
    return row.draft.name is None or is_derived(row.name, row.source, row.destination)
