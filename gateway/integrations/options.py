"""How an integration syncs, as it is kept (`Integration.sync`) and given: JSON, judged. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any, Final

from gateway.entities.external import Direction, Policy
from gateway.entities.options import SyncOptions
from gateway.errors import Fault, Hint
from gateway.suggestions import suggest

FIELD: Final = "sync"
DELETES: Final = ("manual", "edit_wins", "delete_wins")
EVENTS: Final = ("all", "none")
_MOST_FIELDS: Final = 1_000

_Judge = Callable[[Any], str | None]


def sync_options(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> SyncOptions:
    """`given` over the type's `defaults`, as engines take it. Both have been judged."""
    merged = {**defaults, **given}
    made = {name: _READERS.get(name, lambda value: value)(value) for name, value in merged.items()}
    return SyncOptions(**made)


def option_faults(given: Mapping[str, Any]) -> list[Fault]:
    """Everything that is wrong with `given`, by field."""
    return list(_faults(given))


def shown_options(options: SyncOptions) -> dict[str, Any]:
    """All of them as JSON."""
    return {one.name: _plain(getattr(options, one.name)) for one in fields(options)}


def _faults(given: Mapping[str, Any]) -> Iterator[Fault]:
    for name, value in given.items():
        judge = _JUDGES.get(name)
        if judge is None:
            hint = suggest(name, _JUDGES, Hint("choose_one_of", {"names": sorted(_JUDGES)}))
            yield Fault(f"{FIELD}.{name}", "unknown", f"there is no sync option {name!r}", hint=hint)
        elif (reason := judge(value)) is not None:
            yield Fault(f"{FIELD}.{name}", "malformed", f"{name} {reason}")


def _share(value: Any) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if is_number and 0 <= value <= 1 else "is no share from 0 to 1"


def _whole(least: int, most: int) -> _Judge:
    def judge(value: Any) -> str | None:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return None if is_whole and least <= value <= most else f"is no whole number from {least} to {most}"

    return judge


def _seconds(value: Any) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if is_number and 0 <= value <= 86_400 else "is no number of seconds from 0 to 86400"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "is neither true nor false"


def _one_of(*values: str) -> _Judge:
    return lambda value: None if value in values else f"is none of {', '.join(values)}"


def _each_one_of(*values: str) -> _Judge:
    def judge(value: Any) -> str | None:
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
            return "is no object"
        if len(value) > _MOST_FIELDS:
            return f"has more than {_MOST_FIELDS} fields"
        wrong = sorted(name for name, one in value.items() if one not in values)
        return f"has for {wrong[0]!r} none of {', '.join(values)}" if wrong else None

    return judge


def _texts(value: Any) -> str | None:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) and one for one in value):
        return "is no list of texts"
    return f"has more than {_MOST_FIELDS} texts" if len(value) > _MOST_FIELDS else None


def _texts_by_name(value: Any) -> str | None:
    is_one = isinstance(value, dict) and all(isinstance(one, str) for pair in value.items() for one in pair)
    return None if is_one and len(value) <= _MOST_FIELDS else "is no object of texts"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: str(one) for name, one in value.items()}
    return list(value) if isinstance(value, tuple) else value


_POLICIES = tuple(one.value for one in Policy)
_JUDGES: Mapping[str, _Judge] = {
    "delete_share": _share,
    "delete_all_above": _whole(0, 1_000_000),
    "invalid_share": _share,
    "invalid_above": _whole(0, 1_000_000),
    "policy": _one_of(*_POLICIES),
    "policies": _each_one_of(*_POLICIES),
    "deletes": _one_of(*DELETES),
    "directions": _each_one_of(*(one.value for one in Direction)),
    "skew_seconds": _seconds,
    "is_pushing": _flag,
    "entity_events": _one_of(*EVENTS),
    "batch": _whole(1, 5_000),
    "most_pages": _whole(1, 10_000_000),
    "push_concurrency": _whole(1, 64),
    "registers_webhooks": _flag,
    "webhook_topics": _texts,
    "webhook_parameters": _texts_by_name,
}
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "policy": Policy,
    "policies": lambda value: {name: Policy(one) for name, one in value.items()},
    "directions": lambda value: {name: Direction(one) for name, one in value.items()},
    "webhook_topics": tuple,
}
