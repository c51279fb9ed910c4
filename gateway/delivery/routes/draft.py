"""What a route must be like: a draft is judged by the names that exist and by JMESPath. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from gateway.delivery.decisions.expression_check import expression_faults
from gateway.delivery.routes.names import name_faults
from gateway.errors import Fault, Hint
from gateway.suggestions import suggest

EVERYTHING = "*"
PATTERN = re.compile(r"[^\s\x00-\x1f\x7f]{1,255}")
MAX_PATTERNS = 200


@dataclass(frozen=True, slots=True)
class RouteDraft:
    """A route as a person asks for it. No event types means all, no name one that is derived."""

    source: str
    destination: str
    event_types: Sequence[str] = ()
    where: str | None = None
    transform: str | None = None
    name: str | None = None
    allow_null: bool = False
    connection: str | None = None
    """The id of a connection, of which a fresh token is handed over with each delivery."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """The event types as they are stored: in order, each once, never empty."""
        return tuple(dict.fromkeys(self.event_types)) or (EVERYTHING,)

    def is_same(self, other: RouteDraft) -> bool:
        """Whether both ask for the same, whatever they are called."""
        return self._content == other._content

    @property
    def _content(self) -> tuple[object, ...]:
        shape = self.where, self.transform, self.allow_null, self.connection
        return self.source, self.destination, frozenset(self.patterns), shape


@dataclass(frozen=True, slots=True)
class RouteChange:
    """What is to be different about a route. None leaves a part as it is, an empty expression or connection takes it
    away.
    """

    name: str | None = None
    source: str | None = None
    destination: str | None = None
    event_types: Sequence[str] | None = None
    where: str | None = None
    transform: str | None = None
    allow_null: bool | None = None
    connection: str | None = None

    def of(self, draft: RouteDraft) -> RouteDraft:
        """`draft` with this change."""
        return RouteDraft(
            source=draft.source if self.source is None else self.source,
            destination=draft.destination if self.destination is None else self.destination,
            event_types=draft.event_types if self.event_types is None else self.event_types,
            where=draft.where if self.where is None else self.where or None,
            transform=draft.transform if self.transform is None else self.transform or None,
            name=draft.name if self.name is None else self.name,
            allow_null=draft.allow_null if self.allow_null is None else self.allow_null,
            connection=draft.connection if self.connection is None else self.connection or None,
        )


def faults(draft: RouteDraft, *, sources: Collection[str], destinations: Collection[str]) -> list[Fault]:
    """Everything that is wrong with `draft`, given the slugs and names that exist."""
    return [
        *name_faults(draft.name),
        *_unknown_faults("source", "source", draft.source, sources, Hint("add_source", {"slug": draft.source})),
        *_unknown_faults(
            "to", "destination", draft.destination, destinations, Hint("add_destination", {"name": draft.destination})
        ),
        *(
            Fault("types", "malformed", f"{pattern!r} is not an event type or a pattern such as pull_request.*")
            for pattern in draft.event_types
            if not PATTERN.fullmatch(pattern)
        ),
        *_number_faults(draft.event_types),
        *expression_faults("where", draft.where, what="the where expression"),
        *expression_faults("transform", draft.transform, what="the transform expression"),
    ]


def _number_faults(patterns: Sequence[str]) -> Iterator[Fault]:
    if len(patterns) > MAX_PATTERNS:
        message = f"a route has at most {MAX_PATTERNS} event types; patterns such as pull_request.* say more"
        yield Fault("types", "too_long", message, {"at_most": MAX_PATTERNS})


def _unknown_faults(field: str, kind: str, name: str, known: Collection[str], to_add: Hint) -> Iterator[Fault]:
    if name not in known:
        otherwise = Hint("choose_one_of", {"names": sorted(known)}) if known else to_add
        yield Fault(field, "unknown", f"there is no {kind} {name!r}", hint=suggest(name, known, otherwise))
