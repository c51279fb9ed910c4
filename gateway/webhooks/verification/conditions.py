"""Conditions of schemes and handshakes: whether an entry's rule is meant for this request."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.providers.webhook.parts import Condition
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.values import text_of

Predicate = Callable[[Reading], bool]

# Cheap places first: a body is parsed only when everything else holds.
_COST = {"method": 0, "header": 1, "content_type": 1, "query": 2, "form": 3, "form_json": 4, "json": 4, "json_key": 4}


def all_hold(conditions: Sequence[Condition]) -> Predicate | None:
    """One predicate for all conditions; None when there are none."""
    ordered = sorted(conditions, key=lambda condition: _COST.get(condition.place.kind, 5))
    predicates = tuple(_predicate(condition) for condition in ordered)
    if not predicates:
        return None
    if len(predicates) == 1:
        return predicates[0]
    return lambda reading: all(predicate(reading) for predicate in predicates)


def _predicate(condition: Condition) -> Predicate:
    read, values, present = text_of(condition.place), frozenset(condition.values), condition.present
    if values:
        return lambda reading: read(reading) in values
    return lambda reading: (read(reading) is not None) is present
