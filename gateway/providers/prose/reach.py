"""How far a proof reaches, in words: what of a request it leaves open, and what becomes of one that is caught."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.providers.model import Provider
from gateway.providers.prose.words import place_words
from gateway.providers.webhook.coverage import Coverage, Freshness, coverage_of
from gateway.providers.webhook.covered import Extent
from gateway.providers.webhook.model import Scheme
from gateway.providers.webhook.places import Place


def reach_words(provider: Provider, scheme: Scheme) -> Iterator[str]:
    """Sentences on what the proof of `scheme` does not cover, and on whether a caught request can be sent again."""
    if scheme.unsigned:
        yield "Nothing is covered: whoever knows the address can send anything, as often as they like."
        return
    coverage = coverage_of(provider.webhook, scheme)
    if not coverage.is_signed:
        yield "Nothing is covered: the secret stands in each request, and whoever has read one can send any other."
        return
    yield f"Not covered: {_open_parts(coverage, has_body=not scheme.bodiless)}."
    changed = [name for name, is_covered in _identity(coverage) if is_covered is False]
    if changed:
        yield f"Whoever catches a request can give it another {' and another '.join(changed)}."
    yield f"Sent again by whoever caught it, it verifies {_how_long(coverage)}, and {_what_becomes(coverage)}."


def _open_parts(coverage: Coverage, *, has_body: bool) -> str:
    parts = [*_open_body(coverage)] if has_body else []
    parts += _open_url(coverage)
    parts += [] if coverage.method else ["the method"]
    headers = sorted(f"`{name}`" for name in _names(coverage, "header"))
    if coverage.lists_headers:
        headers.append("those that the signature lists")
    parts.append(f"headers other than {_listed(headers)}" if headers else "headers")
    if coverage.freshness is Freshness.NONE:
        parts.append("the time")
    return _listed(parts)


def _open_body(coverage: Coverage) -> Iterator[str]:
    if coverage.body is Extent.NONE:
        yield "the body"
    elif coverage.body is Extent.CHECKSUM:
        yield "the body, of which only a checksum counts that others can be made to have"
    elif coverage.body is Extent.PARTS:
        held = [place for place in coverage.places if place.kind not in ("header", "query")]
        if held and all(place.kind == "json" for place in held):
            yield f"the JSON body but for {_listed(sorted(f'`{_as_written(place)}`' for place in held))}"
        else:
            yield f"the body but for {_listed(sorted(place_words(place) for place in held) or ['the token'])}"


def _open_url(coverage: Coverage) -> Iterator[str]:
    if coverage.url is Extent.WHOLE:
        return
    named = sorted(f"`{name}`" for name in _names(coverage, "query"))
    but = f" but for the parameter {_listed(named)} of its query" if named else ""
    if coverage.url is Extent.NONE:
        yield f"the URL{but}"
    else:
        yield "the URL's host" if coverage.query else f"the URL's host and query{but}"


def _names(coverage: Coverage, kind: str) -> set[str]:
    return {_as_written(place) for place in coverage.places if place.kind == kind}


def _as_written(place: Place) -> str:
    return place.text.partition(":")[2].partition("|")[0].rstrip("?")


def _identity(coverage: Coverage) -> tuple[tuple[str, bool | None], ...]:
    return ("type", coverage.covers_type), ("dedupe key", coverage.covers_id)


def _how_long(coverage: Coverage) -> str:
    match coverage.freshness:
        case Freshness.LIMITED:
            return f"until {coverage.max_age_seconds:g} s after it was signed"
        case Freshness.EXPIRES:
            return "until the time that the vendor's token names"
        case Freshness.DATED:
            return "for ever (its time is covered, but no limit is set)"
        case Freshness.NONE:
            return "for ever"


def _what_becomes(coverage: Coverage) -> str:
    if coverage.covers_id and coverage.freshness is Freshness.LIMITED and coverage.body is Extent.WHOLE:
        return "is a duplicate, which is delivered once"
    if coverage.tells_apart:
        return "is a duplicate, or refused as replayed: a source accepts what was signed once"
    if coverage.belongs_to_one_request:
        return "can pass for another event, unless the source is told to refuse replays"
    return "can pass for another event: one proof may stand in many requests, so that no replay can be told"


def _listed(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
