"""What the proofs of some well-known schemes cover, read from their entries."""

from __future__ import annotations

import pytest

from gateway.providers import catalogue
from gateway.providers.webhook.coverage import Coverage, Extent, Freshness, coverage_of


def _coverage(provider_id: str, scheme_id: str | None = None) -> Coverage:
    provider = catalogue()[provider_id]
    return coverage_of(provider.webhook, provider.scheme(scheme_id))


def test_a_signature_over_the_body_leaves_headers_open_for_ever() -> None:
    found = _coverage("github")
    assert (found.body, found.url, found.method) == (Extent.WHOLE, Extent.NONE, False)
    assert (found.covers_type, found.covers_id) == (False, False)
    assert found.freshness is Freshness.NONE
    assert not found.tells_apart
    assert found.belongs_to_one_request


def test_an_id_and_a_time_in_the_signed_text() -> None:
    found = _coverage("standard-webhooks")
    assert (found.freshness, found.max_age_seconds) == (Freshness.LIMITED, 300)
    assert found.covers_id
    assert found.tells_apart
    assert [place.name for place in found.single_use] == ["webhook-id"]


def test_a_body_that_is_not_covered_but_a_value_used_once() -> None:
    for scheme, place in (("events", "json:signature.token"), ("routes", "form:token")):
        found = _coverage("mailgun", scheme)
        assert found.body is Extent.PARTS
        assert [one.text for one in found.single_use] == [place]
        assert found.tells_apart
    assert _coverage("mailgun", "routes").covers_id
    assert _coverage("mailgun", "events").covers_id is False


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("paypal", Extent.CHECKSUM),
        ("atlassian-connect", Extent.NONE),
        ("mercado-pago", Extent.NONE),
        ("google-pubsub", Extent.NONE),
        ("dropbox-sign", Extent.PARTS),
        ("apple-app-store", Extent.PARTS),
        ("livekit", Extent.WHOLE),
        ("square", Extent.WHOLE),
        ("contentful", Extent.WHOLE),
    ],
)
def test_how_much_of_the_body(provider: str, body: Extent) -> None:
    assert _coverage(provider).body is body


def test_a_hash_that_stands_in_a_signed_url_covers_the_body() -> None:
    assert _coverage("twilio", "body_hash").body is Extent.WHOLE
    assert _coverage("twilio", "get").body is Extent.NONE


def test_a_hash_that_may_be_left_out_of_a_token_covers_nothing() -> None:
    assert _coverage("vonage").body is Extent.NONE


def test_an_alternative_behind_what_must_be_there_never_counts() -> None:
    assert _coverage("gitlab", "signing_token").covers_id
    assert _coverage("twitch").covers_type is False


def test_who_reveals_the_secret_covers_nothing() -> None:
    for found in (_coverage("telegram"), _coverage("chargebee"), _coverage("generic", "unsigned")):
        assert not found.is_signed
        assert not found.tells_apart
        assert not found.belongs_to_one_request


def test_no_two_schemes_claim_a_limit_without_a_time() -> None:
    for provider in catalogue().values():
        for scheme in provider.webhook.schemes:
            found = coverage_of(provider.webhook, scheme)
            assert (found.freshness is Freshness.LIMITED) == (found.max_age_seconds is not None), provider.id
            is_limited = scheme.timestamp is not None and scheme.timestamp.tolerance_seconds is not None
            # A limit over a time that nothing covers would limit nobody.
            assert not is_limited or found.freshness is Freshness.LIMITED, f"{provider.id}: {scheme.id}"
