"""Stored routes, judged: a row becomes a `CompiledRoute`, and is out of order when a part of it cannot be used. Pure.

A route that is out of order still says which events are meant for whom: each of them gets a delivery that is dead at
birth, as it does when a sound expression fails on it, and can be replayed once the route is mended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gateway.delivery.decisions.expressions import BrokenExpression, Expression, compile_expression
from gateway.delivery.decisions.patterns import compile_patterns
from gateway.delivery.models import Route
from gateway.delivery.routes.routing import CompiledRoute
from gateway.errors import InvalidInput
from gateway.out_of_order import OutOfOrder, OutOfOrderCode, in_one_line


class JudgedRoute(NamedTuple):
    """A route ready to be applied, and what is wrong with it, if anything."""

    compiled: CompiledRoute
    out_of_order: OutOfOrder | None


def judge_route(row: Route, ordering_key: str | None) -> JudgedRoute:
    """The route of `row`; `ordering_key` is its destination's. Never raises."""
    try:
        matches: Callable[[str | None], bool] = compile_patterns(row.event_types)
        broken = None
    except Exception as error:  # whatever one row holds, the others must be loaded
        matches, broken = _everything, BrokenExpression(f"its event types cannot be read ({type(error).__name__})")
    where = broken or _expression(row.where, "the route's filter")
    transform = _expression(row.transform, "the route's transform")
    key = judge_ordering_key(ordering_key)
    faults = [part for part in (where, transform, key) if isinstance(part, BrokenExpression)]
    compiled = CompiledRoute(row.id, row.destination_id, matches, where, transform, key, row.allow_null)
    if not faults:
        return JudgedRoute(compiled, None)
    code = OutOfOrderCode.UNREADABLE if broken else OutOfOrderCode.EXPRESSION_MALFORMED
    detail = in_one_line("; ".join(part.detail for part in faults))
    return JudgedRoute(compiled, OutOfOrder(row.id, row.tenant_id, row.name or row.id, code, detail))


def judge_ordering_key(text: str | None) -> Expression | BrokenExpression | None:
    """A destination's ordering key, ready to be applied. Never raises."""
    return _expression(text, "the destination's ordering key")


def _expression(text: str | None, what: str) -> Expression | BrokenExpression | None:
    try:
        return compile_expression(text, what=what) if text else None
    except InvalidInput as error:
        return BrokenExpression(str(error))
    except Exception as error:  # as above
        return BrokenExpression(f"{what} cannot be read ({type(error).__name__})")


def _everything(_event_type: str | None) -> bool:
    return True
