"""Whether a request is one that was recorded, and what differs. Pure.

The order of a query's parameters and of a document's members does not count, nor how a URL or a document is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from gateway.clients.cassettes.exchanges import Request
from gateway.clients.cassettes.masking import FORM
from gateway.clients.judging import excerpt

MAX_DIFFERENCES: Final = 10


def differences(recorded: Request, sent: Request, ignoring: Collection[str]) -> list[str]:
    """What differs, a line each, the coarsest first; empty for the same request. Both come without secrets.

    Parameters and members of documents that are called as one of `ignoring` do not count.
    """
    found = [] if recorded.method == sent.method else [f"method: recorded {recorded.method}, sent {sent.method}"]
    then, now = urlsplit(recorded.url), urlsplit(sent.url)
    found += _compared("host", f"{then.scheme}://{then.netloc}", f"{now.scheme}://{now.netloc}", ignoring)
    found += _compared("path", unquote(then.path), unquote(now.path), ignoring)
    found += _compared("query", _fields(then.query), _fields(now.query), ignoring)
    found += _compared("body", _content(recorded), _content(sent), ignoring)
    return found


def closest(recorded: Sequence[Request], sent: Request, ignoring: Collection[str]) -> tuple[Request, list[str]] | None:
    """The recorded request that differs least, and how; None when nothing is recorded."""
    found = [(one, differences(one, sent, ignoring)) for one in recorded]
    return min(found, key=lambda pair: _weight(pair[1]), default=None)


def _weight(found: Sequence[str]) -> tuple[bool, bool, bool, int]:
    kinds = {line.partition(":")[0] for line in found}
    return "host" in kinds, "path" in kinds, "method" in kinds, len(found)


def _fields(query: str) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = defaultdict(list)
    for name, value in parse_qsl(query, keep_blank_values=True):
        fields[name].append(value)
    return dict(fields)


def _content(request: Request) -> Any:
    if request.content_type.startswith(FORM):
        return _fields(request.body.decode("utf-8", "replace"))
    try:
        return orjson.loads(request.body) if request.body else None
    except ValueError:
        return request.body.decode("utf-8", "backslashreplace")


def _compared(place: str, then: Any, now: Any, ignoring: Collection[str]) -> Iterator[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        for name in sorted({*then, *now} - set(ignoring)):
            if name not in now:
                yield f"{place}.{name}: recorded {_shown(then[name])}, not sent"
            elif name not in then:
                yield f"{place}.{name}: not recorded, sent {_shown(now[name])}"
            else:
                yield from _compared(f"{place}.{name}", then[name], now[name], ignoring)
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for index, (before, after) in enumerate(zip(then, now, strict=True)):
            yield from _compared(f"{place}[{index}]", before, after, ignoring)
    elif then != now or type(then) is not type(now):
        yield f"{place}: recorded {_shown(then)}, sent {_shown(now)}"


def _shown(value: Any) -> str:
    return excerpt(orjson.dumps(value).decode())
