"""What the pages say of a proof's reach: made from the entry, for every scheme of the catalogue."""

from __future__ import annotations

import pytest

from gateway.providers import catalogue
from gateway.providers.prose.description import describe
from gateway.providers.prose.reach import reach_words


def _words(provider_id: str, scheme_id: str | None = None) -> list[str]:
    provider = catalogue()[provider_id]
    return list(reach_words(provider, provider.scheme(scheme_id)))


def test_a_signature_over_the_body_alone() -> None:
    assert _words("github") == [
        "Not covered: the URL, the method, headers and the time.",
        "Whoever catches a request can give it another type and another dedupe key.",
        "Sent again by whoever caught it, it verifies for ever, and can pass for another event, unless the source is "
        "told to refuse replays.",
    ]


def test_an_id_and_a_time_that_are_signed() -> None:
    assert _words("standard-webhooks") == [
        "Not covered: the URL, the method and headers other than `webhook-id` and `webhook-timestamp`.",
        "Sent again by whoever caught it, it verifies until 300 s after it was signed, and is a duplicate, which is "
        "delivered once.",
    ]


def test_a_body_that_is_not_covered() -> None:
    open_parts, changed, again = _words("mailgun")
    assert open_parts.startswith(
        "Not covered: the JSON body but for `signature.timestamp` and `signature.token`, the URL"
    )
    assert "another type and another dedupe key" in changed
    assert "until 900 s" in again
    assert "a source accepts what was signed once" in again
    assert "the body, of which only a checksum counts" in _words("paypal")[0]


@pytest.mark.parametrize(("provider", "scheme"), [("telegram", None), ("postmark", "basic"), ("generic", "unsigned")])
def test_who_signs_nothing_covers_nothing(provider: str, scheme: str | None) -> None:
    [said] = _words(provider, scheme)
    assert said.startswith("Nothing is covered")


def test_every_scheme_says_what_it_leaves_open_on_its_page() -> None:
    for provider in catalogue().values():
        sections = [one for one in describe(provider) if one.title.startswith("What is verified")]
        assert len(sections) == len(provider.webhook.schemes)
        for section in sections:
            reach = [line for line in section.lines if line.startswith(("Not covered: ", "Nothing is covered: "))]
            assert len(reach) == 1, f"{provider.id}: {section.title}"
