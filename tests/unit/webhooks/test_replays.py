"""Whose proofs are remembered, and for how long: derived from the catalogue."""

from __future__ import annotations

import pytest

from gateway.providers import catalogue
from gateway.providers.webhook.coverage import Freshness, coverage_of
from gateway.webhooks.sources.replays import MARGIN_SECONDS, Remembering, Replays, can_refuse, remembered, replays
from gateway.webhooks.sources.schemes import possible_schemes


def _remembered(provider: str, scheme: str | None = None, *, wanted: bool | None = None) -> dict[str, Remembering]:
    entry = catalogue()[provider]
    return dict(remembered(entry.webhook, possible_schemes(entry, scheme), wanted=wanted))


def _replays(provider: str, *, wanted: bool | None = None) -> Replays:
    entry = catalogue()[provider]
    return replays(entry.webhook, possible_schemes(entry, None), wanted=wanted)


@pytest.mark.parametrize("provider", ["stripe", "svix", "slack"])
def test_an_id_and_a_time_that_are_signed_need_nothing_more(provider: str) -> None:
    assert _remembered(provider) == {}
    assert _replays(provider) is Replays.REFUSED


def test_what_is_asked_for_holds_whatever_the_journal_holds() -> None:
    assert _remembered("stripe", wanted=True) == {"default": Remembering(2 * 300 + MARGIN_SECONDS, needs_keys=False)}


def test_a_time_that_ends_late_is_not_left_to_the_journal_which_may_be_purged() -> None:
    rule = Remembering(2 * 7200 + MARGIN_SECONDS, needs_keys=True)
    assert _remembered("cloudinary") == {"sha1": rule}


def test_a_token_that_is_used_once_is_remembered_while_its_time_counts() -> None:
    # Of its routes the token is the dedupe key, but what they sign could be sent as one of its events.
    once = Remembering(2 * 900 + MARGIN_SECONDS, needs_keys=False)
    assert _remembered("mailgun") == {"events": once, "routes": once}
    assert _replays("mailgun") is Replays.REFUSED


def test_what_may_be_signed_twice_is_remembered_only_where_it_is_asked_for() -> None:
    assert _remembered("github") == {}
    assert _replays("github") is Replays.ACCEPTED
    assert _remembered("github", wanted=True) == {"sha256": Remembering(None, needs_keys=False)}
    assert _replays("github", wanted=True) is Replays.REFUSED


def test_nobody_need_be_asked_to_take_them_all_the_same() -> None:
    assert _remembered("mailgun", wanted=False) == {}
    assert _replays("mailgun", wanted=False) is Replays.ACCEPTED


def test_what_twilio_signed_is_remembered_for_how_it_is_divided() -> None:
    divided = Remembering(None, needs_keys=False, may_repeat=True)
    assert _remembered("twilio") == {"form": divided, "body_hash": divided, "get": divided}
    once = Remembering(None, needs_keys=False)
    assert _remembered("twilio", wanted=True) == {"form": once, "body_hash": once, "get": divided}
    assert _remembered("twilio", wanted=False) == {}
    assert _remembered("github") == {}
    # Two honest events may be signed alike.
    assert _replays("twilio") is Replays.ACCEPTED


def test_a_secret_in_the_request_cannot_be_told_from_its_repeat() -> None:
    gitlab = catalogue()["gitlab"]
    assert not can_refuse(gitlab.webhook, [gitlab.scheme("secret_token")])
    assert replays(gitlab.webhook, [gitlab.scheme("secret_token")], wanted=True) is Replays.ACCEPTED


def test_by_default_nothing_is_remembered_of_what_two_honest_events_may_share() -> None:
    for provider in catalogue().values():
        for scheme in provider.webhook.schemes:
            for rule in remembered(provider.webhook, [scheme], wanted=None).values():
                coverage = coverage_of(provider.webhook, scheme)
                if rule.may_repeat:
                    # The same request may: what is refused is the same text, divided in another way.
                    assert rule == Remembering(None, needs_keys=False, may_repeat=True)
                    continue
                is_keyed = rule.needs_keys or coverage.runs_fields_together
                assert coverage.single_use or (coverage.covers_id and is_keyed), (provider.id, scheme.id)
                assert (rule.seconds is None) is (coverage.freshness is not Freshness.LIMITED)
