"""What may be kept, for how long, and what a 304 makes of it: RFC 9111 for a cache of one credential. Pure.

The decisions are hishel's states. What they do not weigh is put before them in words that they do: the age by our own
clock and the header `Age` (4.2.3) as `Date`, every lifetime as `max-age`. Nothing is guessed from `Last-Modified`
(4.2.2): an answer that names no lifetime is asked for again, by its validators.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from email.utils import formatdate, parsedate_to_datetime
from typing import Final

import hishel

from gateway.clients.caching.store import Kept
from gateway.clients.values import Answer, Call, Pairs

_PRIVATE: Final[hishel.CacheOptions] = {"shared": False, "supported_methods": ["GET"]}
_PRIVATE_STALE: Final[hishel.CacheOptions] = {**_PRIVATE, "allow_stale": True}
_CONDITIONS: Final = ("If-None-Match", "If-Modified-Since")
_OF_THE_CALLER: Final = (*_CONDITIONS, "If-Match", "If-Unmodified-Since", "If-Range", "Range")
_LONGEST_SECONDS: Final = 2.0**31
_DIRECTIVE: Final = re.compile(r"""([^\s,=]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^,]*))?""")
# Of the body as it travelled, or of one exchange: no 304 changes them, and `age` goes on.
_NOT_RENEWED: Final = frozenset({"content-length", "content-encoding", "content-type", "content-range", "age"})


def is_for_caches(call: Call) -> bool:
    """Whether a cache has a say: a GET without a condition or range of its own, not forbidden by the caller."""
    if call.method != "GET" or any(call.header(name) is not None for name in _OF_THE_CALLER):
        return False
    return "no-store" not in _directives(call.headers)


def age_seconds(kept: Kept, now: float) -> float:
    """How old it is (4.2.3)."""
    return min(kept.initial_age_seconds + max(0.0, now - kept.received_at), _LONGEST_SECONDS)


def lifetime_seconds(kept: Kept, ttl: float | None) -> float:
    """For how long it was fresh when it came (4.2.1); `ttl` stands in for what the system says."""
    if ttl is not None:
        return ttl
    if (said := _directives(kept.headers).get("max-age")) is not None:
        return _seconds(said)
    expires = _value(kept.headers, "expires")
    if expires is None:
        return 0.0
    ends_at, began_at = _instant(expires), _instant(_value(kept.headers, "date") or "")
    return 0.0 if ends_at is None else max(0.0, ends_at - (kept.received_at if began_at is None else began_at))


def is_fresh(call: Call, kept: Kept, *, now: float, ttl: float | None) -> bool:
    """Whether it answers `call` without the system being asked."""
    return isinstance(_looked_up(call, kept, now, ttl, _PRIVATE), hishel.FromCache)


def may_be_stale(call: Call, kept: Kept, *, now: float, ttl: float | None) -> bool:
    """Whether it may answer `call` when the system cannot be asked (4.2.4)."""
    return isinstance(_looked_up(call, kept, now, ttl, _PRIVATE_STALE), hishel.FromCache)


def stale_if_error_seconds(kept: Kept) -> float:
    """How long after its lifetime the system allows it in place of an error (RFC 5861, 4)."""
    return _seconds(_directives(kept.headers).get("stale-if-error") or "")


def asking_for_news(call: Call, kept: Kept) -> Call:
    """`call`, for an answer other than `kept` (4.3.1)."""
    request = _request(call)
    state = hishel.IdleClient(options=_PRIVATE).next(request, [_entry(request, (("cache-control", "no-cache"),), kept)])
    conditions = state.request.headers if isinstance(state, hishel.NeedRevalidation) else {}
    added = [(name, conditions[name]) for name in _CONDITIONS if name in conditions]
    return call.with_headers(*added) if added else call


def renewed(call: Call, kept: Kept, answer: Answer, *, now: float, seconds: float) -> Kept | None:
    """`kept`, confirmed by a 304 that took `seconds` (4.3.4); None when the 304 is about something else."""
    request = _request(call)
    newer = [pair for pair in answer.headers.pairs if pair[0].lower() not in _NOT_RENEWED]
    if "date" not in answer.headers:
        newer.append(("date", formatdate(now, usegmt=True)))
    state: hishel.AnyState = hishel.NeedRevalidation(
        options=_PRIVATE, request=request, original_request=request, revalidating_entries=[_entry(request, (), kept)]
    ).next(_response(304, newer))
    if not isinstance(state, hishel.NeedToBeUpdated):
        return None
    headers = _pairs(state.updating_entries[0].response.headers)
    age = _initial_age_seconds(answer.headers.pairs, now, seconds)
    return replace(kept, headers=headers, received_at=now, initial_age_seconds=age)


def to_keep(call: Call, answer: Answer, *, now: float, seconds: float) -> Kept | None:
    """What is kept of `answer`, which took `seconds` and is a success; None when it may not be (3).

    Not what a redirect led to, which is another place's, and not what sets cookies: they are somebody's session.
    """
    if answer.status != 200 or answer.url != call.url or "set-cookie" in answer.headers:
        return None
    state = hishel.CacheMiss(options=_PRIVATE, request=_request(call)).next(_response(200, answer.headers.pairs))
    if not isinstance(state, hishel.StoreAndUse):
        return None
    headers = tuple(pair for pair in _pairs(state.response.headers) if pair[0] != "age")
    return Kept(headers, answer.body, now, _initial_age_seconds(answer.headers.pairs, now, seconds))


def _looked_up(call: Call, kept: Kept, now: float, ttl: float | None, options: hishel.CacheOptions) -> hishel.AnyState:
    request = _request(call)
    lifetime = lifetime_seconds(kept, ttl)
    if (wanted := _directives(call.headers).get("max-age")) is not None:
        lifetime = min(lifetime, _seconds(wanted))
    kept_on = [] if ttl is not None else [name for name in ("no-cache", "must-revalidate") if _says(kept, name)]
    # hishel asks the machine for the time, and compares whole seconds.
    written = (
        ("cache-control", ", ".join([f"max-age={int(lifetime)}", *kept_on])),
        ("date", formatdate(time.time() - age_seconds(kept, now), usegmt=True)),
    )
    return hishel.IdleClient(options=options).next(request, [_entry(request, written, kept)])


def _says(kept: Kept, directive: str) -> bool:
    """Whether it stands there without names of headers: with them it is about these, which are not kept."""
    return directive in (said := _directives(kept.headers)) and not said[directive]


def _initial_age_seconds(headers: Pairs, now: float, seconds: float) -> float:
    date = _instant(_value(headers, "date") or "")
    apparent = max(0.0, now - date) if date is not None else 0.0
    return max(apparent, _seconds(_value(headers, "age") or "") + seconds)


def _directives(headers: Pairs) -> dict[str, str]:
    """Those of all `Cache-Control` lines; of one that stands there twice the first."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name.lower() == "cache-control":
            for directive, argument in _DIRECTIVE.findall(value):
                found.setdefault(directive.lower(), argument.strip().strip('"'))
    return found


def _seconds(text: str) -> float:
    """Delta-seconds (1.2.2); what is none counts as nothing."""
    if not (text.isascii() and text.isdigit()):
        return 0.0
    return float(text) if len(text) <= 9 else _LONGEST_SECONDS


def _instant(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _value(headers: Pairs, name: str) -> str | None:
    return next((value for key, value in headers if key.lower() == name), None)


def _request(call: Call) -> hishel.Request:
    return hishel.Request(call.method, call.full_url, _headers(call.headers))


def _response(status: int, headers: Pairs) -> hishel.Response:
    return hishel.Response(status, _headers(headers))


def _entry(request: hishel.Request, written: Sequence[tuple[str, str]], kept: Kept) -> hishel.Entry:
    """`kept` as hishel's, with `written` in place of headers of the same names."""
    names = {name for name, _ in written}
    headers = [*(pair for pair in kept.headers if pair[0] not in names), *written]
    return hishel.Entry(uuid.UUID(int=0), request, _response(200, headers))


def _headers(pairs: Pairs) -> hishel.Headers:
    found: dict[str, str | list[str]] = {}
    for name, value in pairs:
        values = found.setdefault(name.lower(), [])
        assert isinstance(values, list)
        values.append(value)
    return hishel.Headers(found)


def _pairs(headers: hishel.Headers) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name in headers for value in headers.get_list(name) or [])
