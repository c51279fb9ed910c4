"""Signer against verifier: every provider that can be signed is signed and judged; the rest is told plainly."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.errors import Hint, InvalidInput
from gateway.providers import Provider, Scheme, catalogue
from gateway.webhooks.samples import documents
from gateway.webhooks.samples.documents import default_type, is_made_up, sample_bodies
from gateway.webhooks.samples.event import sample_request, unsigned_sample
from gateway.webhooks.samples.signing import Held, Moment, choose_scheme, unsignable
from gateway.webhooks.verification import Credentials, InboundRequest, judge
from tests.services.for_each import for_each, for_each_row
from tests.unit.samples.conftest import (
    MOMENT,
    NOW,
    OTHER_KEY,
    SCHEMES,
    URL,
    held_for,
    judged,
    options_for,
    sample_of,
)

# The secret is the last part of the URL: only a source whose slug is the secret could be signed.
BY_ADDRESS = {"secret-url"}
# Mailgun's inbound mail and Segment's batches have no place for a type; of a GET of Twilio's the body does not count.
# Segment sends single events too, whose bodies are no arrays.
SINGLE = "segment/single"
TYPELESS = {"routes", "batched", "get"}


class Signable(NamedTuple):
    """A scheme whose requests we can imitate."""

    provider: Provider
    scheme: Scheme

    @property
    def id(self) -> str:
        return f"{self.provider.id}/{self.scheme.id}"


SIGNABLE = [
    Signable(provider, scheme)
    for provider, scheme in SCHEMES
    if unsignable(provider, scheme) is None and provider.id not in BY_ADDRESS
]


@for_each(SIGNABLE)
def test_the_engine_takes_what_the_signer_makes(one: Signable) -> None:
    provider, scheme = one.provider, one.scheme
    request = sample_of(provider, scheme)
    verdict = judged(provider, scheme, request)
    assert verdict.accepted, verdict.detail
    assert verdict.handshake is None
    if provider.webhook.batch is not None and one.id != SINGLE:
        assert verdict.events
        assert verdict.events[0].type
    elif any(place.kind != "claim" for place in provider.webhook.event_type) and scheme.id not in TYPELESS:
        assert verdict.event_type == default_type(provider)
    if any(place.kind != "claim" for place in provider.webhook.event_id) and scheme.id not in TYPELESS:
        assert verdict.event_id or provider.webhook.batch


@for_each(SIGNABLE)
def test_and_refuses_another_key_and_no_key(one: Signable) -> None:
    provider, scheme = one.provider, one.scheme
    if scheme.unsigned:
        return
    assert not judged(provider, scheme, sample_of(provider, scheme), OTHER_KEY).accepted
    with pytest.raises(InvalidInput, match="holds no"):
        sample_request(
            provider,
            scheme,
            Held(),
            MOMENT,
            event_type=default_type(provider),
            url=URL,
            options=options_for(provider),
        )


@for_each(SIGNABLE)
def test_a_body_of_one_s_own(one: Signable) -> None:
    provider, scheme = one.provider, one.scheme
    sample = sample_of(provider, scheme)
    request = sample_of(provider, scheme, body=sample.body)
    assert judged(provider, scheme, request).accepted


def test_what_cannot_be_signed_is_said() -> None:
    told = [unsignable(provider, scheme) for provider, scheme in SCHEMES]
    sentences = [sentence for sentence in told if sentence]
    assert len(sentences) + len(SIGNABLE) + len(BY_ADDRESS) == len(SCHEMES)
    assert all("private key that only" in sentence for sentence in sentences)
    with pytest.raises(InvalidInput, match="only Discord") as refused:
        choose_scheme(catalogue()["discord"], None, Held())
    assert refused.value.hints == (Hint("print_sample"),)
    secret_url = catalogue()["secret-url"]
    with pytest.raises(InvalidInput, match="part of the URL"):
        sample_of(secret_url, secret_url.scheme())


def test_most_providers_can_be_signed() -> None:
    assert len({provider.id for provider, _ in SIGNABLE}) >= 150


def test_the_scheme_follows_what_the_source_holds() -> None:
    mollie = catalogue()["mollie"]
    assert choose_scheme(mollie, None, Held()).unsigned
    assert choose_scheme(mollie, None, held_for(mollie.scheme())).id == "next_gen"


TWENTY = {
    *("github", "stripe", "slack", "shopify", "twilio", "gitlab", "meta", "discord", "zoom", "hubspot"),
    *("linear", "jira", "pagerduty", "sentry", "square", "paypal", "mailgun", "sendgrid", "intercom", "typeform"),
}


@for_each_row("provider_id", sorted(TWENTY))
def test_the_twenty_most_used_have_realistic_samples(provider_id: str) -> None:
    provider = catalogue()[provider_id]
    bodies = sample_bodies(provider_id)
    assert bodies
    for event_type in bodies:
        scheme = provider.scheme()
        if unsignable(provider, scheme) is None:
            verdict = judged(provider, scheme, sample_of(provider, scheme, event_type))
            assert verdict.accepted, verdict.detail
            assert event_type in (verdict.event_type, *(event.type for event in verdict.events))


def test_every_sample_file_belongs_to_a_provider() -> None:
    names = {path.stem for path in documents.FOLDER.glob("*.json")}
    assert names <= catalogue().keys()


def test_the_signer_never_looks_into_the_verifier() -> None:
    for path in Path(documents.FOLDER).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if "verification" in name], path


def test_samples_are_new_every_time() -> None:
    stripe = catalogue()["stripe"]
    bodies = [
        unsigned_sample(stripe, stripe.scheme(), Moment(name, NOW), "charge.refunded").body for name in ("one", "two")
    ]
    assert bodies[0] != bodies[1]
    assert b'"created":1795171821' in bodies[0]


def test_a_sample_that_is_not_there() -> None:
    made_up = sample_of(catalogue()["github"], catalogue()["github"].scheme(), "nope")
    assert b'"sample":true' in made_up.body
    assert dict(made_up.headers)["X-GitHub-Event"] == "nope"
    assert is_made_up("github", "nope")
    assert not is_made_up("github", "push")
    assert sample_bodies("../github") == {}
    assert default_type(catalogue()["telegram"]) == "message"


def test_generic_follows_the_options() -> None:
    generic = catalogue()["generic"]
    options = {
        "header": "X-Sig",
        "hash": "sha512",
        "encoding": "base64",
        "prefix": "v9=",
        "event_type_header": "X-Kind",
    }
    request = sample_of(generic, generic.scheme("hmac"), "order.created", options=options)
    assert dict(request.headers)["X-Sig"].startswith("v9=")
    inbound = InboundRequest(request.method, request.url, request.headers, request.body)
    held = Credentials(secrets=[held_for(generic.scheme()).secret], options=options)
    assert judge(generic, inbound, held, now=float(NOW), scheme="hmac").event_type == "order.created"
