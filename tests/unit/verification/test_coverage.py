"""What an entry says that its proof covers cannot be changed, and the rest can: tried on every signed request."""

from __future__ import annotations

import json
from typing import Any

from gateway.providers.webhook.coverage import Coverage, Extent, coverage_of
from gateway.webhooks.verification import InboundRequest, Verdict
from tests.services.for_each import for_each
from tests.unit.verification.conftest import VALID


def _coverage(valid: Any) -> Coverage:
    return coverage_of(valid.provider.webhook, valid.scheme)


def _judged(valid: Any, **changes: Any) -> Verdict:
    request = valid.request
    fields = {"method": request.method, "url": request.url, "headers": request.headers, "body": request.body}
    verdict: Verdict = valid.judge(request=InboundRequest(**(fields | changes)))
    return verdict


def _is_accepted(valid: Any, **changes: Any) -> bool:
    return _judged(valid, **changes).accepted


def _is_conditional(valid: Any) -> bool:
    """Whether a token may hold a hash or not: one that does covers more than the entry can promise."""
    jwt = valid.scheme.jwt
    return jwt is not None and any(check.if_present for check in jwt.checks)


def _conditions(valid: Any) -> set[str]:
    """What chooses the scheme need not be covered, and cannot be changed freely all the same."""
    return {condition.place.kind for condition in valid.scheme.when}


def _other_body(body: bytes) -> bytes:
    """Another body of the same kind, in which every value is still where it was."""
    try:
        document = json.loads(body)
    except ValueError:
        return body + b"&zz=1" if b"=" in body else body + b" "
    if isinstance(document, list):
        return body.rstrip()[:-1] + b',{"zz":1}]'
    return body.rstrip()[:-1] + b',"zz":1}'


@for_each(VALID)
def test_a_body_that_is_covered_cannot_be_another(valid: Any) -> None:
    body, request = _coverage(valid).body, valid.request
    if not request.body and body is not Extent.WHOLE:
        return
    # A body that adds to the one that was signed has another checksum; one that has the same is made elsewhere.
    is_held = body in (Extent.WHOLE, Extent.CHECKSUM)
    if valid.scheme.each is not None or _is_conditional(valid):
        return
    assert _is_accepted(valid, body=_other_body(request.body)) is not is_held


@for_each(VALID)
def test_a_query_that_is_covered_cannot_be_another(valid: Any) -> None:
    if _is_conditional(valid):
        return
    url = valid.request.url
    other = url + ("&" if "?" in url else "?") + "zz=1"
    assert _is_accepted(valid, url=other) is not _coverage(valid).query


@for_each(VALID)
def test_a_path_that_is_covered_cannot_be_another(valid: Any) -> None:
    if _is_conditional(valid):
        return
    url = valid.request.url.replace(".com/", ".com/before/")
    assert url != valid.request.url
    assert _is_accepted(valid, url=url) is (_coverage(valid).url is Extent.NONE)


@for_each(VALID)
def test_a_method_that_is_covered_cannot_be_another(valid: Any) -> None:
    # Whether a form counts may depend on the method.
    if "method" in _conditions(valid) or valid.provider.id == "plivo":
        return
    assert _is_accepted(valid, method="PUT") is not _coverage(valid).method


@for_each(VALID)
def test_headers_that_are_covered_cannot_be_others(valid: Any) -> None:
    covered = {place.name for place in _coverage(valid).places if place.kind == "header"}
    for name in covered & {name.lower() for name, _value in valid.request.headers}:
        headers = [(key, value + "0" if key.lower() == name else value) for key, value in valid.request.headers]
        assert not _is_accepted(valid, headers=headers), name


@for_each(VALID)
def test_an_id_or_type_that_is_covered_cannot_be_another(valid: Any) -> None:
    """For those that are read from headers, which anybody can add."""
    webhook, coverage = valid.provider.webhook, _coverage(valid)
    for what, places, is_covered in (
        ("event_type", webhook.event_type, coverage.covers_type),
        ("event_id", webhook.event_id, coverage.covers_id),
    ):
        names = {place.name for place in places if place.kind == "header"}
        if not names or webhook.batch is not None:
            continue
        others = [(name, value) for name, value in valid.request.headers if name.lower() not in names]
        headers = [*others, *((name, "another") for name in names)]
        verdict = _judged(valid, headers=headers)
        is_passed_off = verdict.accepted and getattr(verdict, what) == "another"
        assert not (is_passed_off and is_covered), what
        # One behind a value of the body counts only where that is absent; a sender may list more headers than it must.
        if places[0].kind == "header" and not coverage.lists_headers:
            assert is_passed_off or is_covered, what
