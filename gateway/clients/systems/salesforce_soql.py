"""SOQL, with values put in so that they stay values. Pure.

https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_quotedstringescapes.htm
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Final

from gateway.errors import InvalidInput

_NAME = re.compile(r"[A-Za-z]\w{0,254}(?:\.[A-Za-z]\w{0,254}){0,5}", re.ASCII)
_PLACE = re.compile(r"\{(\w+)\}")
_ESCAPES: Final = str.maketrans(
    {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
)


def soql(query: str, /, **values: object) -> str:
    """`query` with each `{name}` replaced by its value as SOQL writes it.

        soql("SELECT Id FROM Contact WHERE Email = {email} AND AccountId IN {accounts}", email=email, accounts=ids)

    `%` and `_` stay wildcards in a LIKE. Raises `InvalidInput` for a value that is missing, left over, or none in SOQL.
    """
    places = set(_PLACE.findall(query))
    if places != values.keys():
        missing, left = sorted(places - values.keys()), sorted(values.keys() - places)
        raise InvalidInput(f"the query needs {missing}" if missing else f"the query has no place for {left}")
    return _PLACE.sub(lambda found: literal(values[found[1]]), query)


def literal(value: object) -> str:
    """`value` as SOQL writes it: text quoted and escaped, instants (aware) and dates bare, lists in parentheses."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float() | Decimal() if math.isfinite(value):
            return format(value, "f") if isinstance(value, Decimal) else repr(value)
        case str():
            return f"'{value.translate(_ESCAPES)}'"
        case datetime():
            return instant(value)
        case date():
            return value.isoformat()
        case list() | tuple() | set() | frozenset() if value:
            return f"({', '.join(literal(one) for one in value)})"
        case _:
            raise InvalidInput(f"a {type(value).__name__} like this is no value in SOQL")


def name(given: str) -> str:
    """The name of an object or a field, also of a related one (`Account.Name`). Raises `InvalidInput`."""
    if _NAME.fullmatch(given) is None:
        raise InvalidInput("a name of an object or field has letters, digits and underscores, such as Email__c")
    return given


def instant(at: datetime) -> str:
    """`at` in UTC, as SOQL and the API write it. Raises `InvalidInput` without a time zone."""
    if at.tzinfo is None:
        raise InvalidInput("a time without a time zone may mean several: give an aware datetime")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def partitions(start: datetime, end: datetime, count: int, *, field: str = "SystemModstamp") -> Sequence[str]:
    """`count` conditions that together say `start` ≤ field < `end`, each for an equal part of that time.

    One for each query of `SalesforceClient.query_parallel`.
    """
    instant(start), instant(end)
    if count < 1 or start >= end:
        raise InvalidInput("a time is cut into at least one part, and begins before it ends")
    marks = [start + (end - start) * number / count for number in range(count)] + [end]
    return [f"{name(field)} >= {instant(one)} AND {field} < {instant(next_one)}" for one, next_one in pairwise(marks)]
