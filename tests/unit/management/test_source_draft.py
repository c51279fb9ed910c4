"""What a source must be given, by the catalogue."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.cli.terminal.hints import with_hints
from gateway.errors import InvalidInput, NotFound
from gateway.providers import catalogue, find_provider
from gateway.security.tokens import random_slug
from gateway.webhooks.sources import draft as source_draft
from gateway.webhooks.sources.draft import SourceDraft
from tests.services.for_each import for_each_row
from tests.services.keys import rsa_key

GITHUB = SourceDraft(slug="github", provider="github", credentials={"secret": "s3cret"})
RSA_KEY = base64.b64encode(
    rsa_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def _faults(draft: SourceDraft) -> dict[str, str]:
    """Field and what is said about it, at a command line."""
    return {
        fault.field: with_hints(fault.message, [fault.hint] if fault.hint else [])
        for fault in source_draft.faults(catalogue(), draft)
    }


@for_each_row(
    "draft",
    [
        GITHUB,
        replace(GITHUB, scheme="sha1_legacy", allowed_ips=("192.0.2.0/24", "2001:db8::1"), rate_per_second=5.5),
        SourceDraft("sw", "standard-webhooks", credentials={"secret": WHSEC}),
        SourceDraft("meta", "meta", credentials={"secret": "x"}, options={"verify_token": "y"}),
        SourceDraft("sns", "aws-sns", options={"topic_arn": "arn:aws:sns:eu-west-1:1:t"}),
        SourceDraft(random_slug(), "wise", credentials={"public_key": RSA_KEY}),
        SourceDraft(random_slug(), "asana"),
        SourceDraft("tasks", "asana", credentials={"secret": "the one that came"}),
        SourceDraft("gen", "generic", credentials={"secret": "x"}, options={"hash": "sha1"}),
        SourceDraft(random_slug(), "generic", scheme="unsigned"),
        SourceDraft("discord", "discord", credentials={"public_key": "ab" * 32}),
    ],
)
def test_complete_drafts(draft: SourceDraft) -> None:
    assert _faults(draft) == {}


@for_each_row(
    ("draft", "field", "message"),
    [
        (replace(GITHUB, slug="Git Hub"), "slug", "lower-case"),
        (replace(GITHUB, slug="gateway"), "slug", "reserved"),
        (replace(GITHUB, slug="x" * 65), "slug", "1 to 64"),
        (replace(GITHUB, provider="githb"), "provider", "did you mean github"),
        (replace(GITHUB, scheme="sha512"), "scheme", "it has sha256, sha1_legacy"),
        (replace(GITHUB, credentials={}), "credentials.secret", "--secret-env"),
        (replace(GITHUB, credentials={"secret": "  "}), "credentials.secret", "empty"),
        (replace(GITHUB, credentials={"secret": "x", "public_key": "y"}), "credentials.public_key", "takes: secret"),
        (replace(GITHUB, options={"foo": "1"}), "options.foo", "no option 'foo'"),
        (replace(GITHUB, allowed_ips=("example.com",)), "allowed_ips", "not an IP address"),
        (replace(GITHUB, rate_per_second=0), "rate", "more than 0"),
        (
            SourceDraft("sw", "standard-webhooks", credentials={"secret": "whsec_!!"}),
            "credentials.secret",
            "copy it whole",
        ),
        (SourceDraft("d", "discord", credentials={"public_key": "zz"}), "credentials.public_key", "copy it whole"),
        (SourceDraft("d", "discord"), "credentials.public_key", "public_key"),
        (SourceDraft(random_slug(), "plaid", credentials={"jwks": '{"keys": []}'}), "credentials.jwks", "Key Set"),
        (SourceDraft("meta", "meta", credentials={"secret": "x"}), "options.verify_token", "--option verify_token="),
        (SourceDraft("gen", "generic", credentials={"secret": "x"}, options={"hash": "md5"}), "options.hash", "one of"),
        (SourceDraft("gen", "generic", scheme="unsigned"), "slug", "unguessable"),
        (SourceDraft("sns", "aws-sns"), "options.topic_arn", "signs for all of its customers alike"),
        (SourceDraft("sns", "aws-sns", options={"topic_arn": " "}), "options.topic_arn", "needs the option"),
        (SourceDraft("wise", "wise", credentials={"public_key": RSA_KEY}), "slug", "signs for all of its customers"),
        (SourceDraft("tasks", "asana"), "slug", "whoever brings one first"),
        (
            SourceDraft("pages", "notion"),
            "slug",
            "use the slug - to have one made (in a file",
        ),
        (SourceDraft("src_" + "a" * 32, "generic", scheme="unsigned"), "slug", "unguessable"),
    ],
)
def test_faults_say_what_to_do(draft: SourceDraft, field: str, message: str) -> None:
    assert message in _faults(draft)[field]


def test_every_fault_is_reported_and_no_secret_quoted() -> None:
    draft = SourceDraft("No", "standard-webhooks", credentials={"secret": "hunter2 hunter2"}, options={"a": "b"})
    with pytest.raises(InvalidInput) as refused:
        source_draft.check(catalogue(), draft)
    assert len(str(refused.value).splitlines()) == 3
    assert "hunter2" not in str(refused.value) + repr(draft)


def test_an_unknown_provider_is_not_found() -> None:
    with pytest.raises(NotFound) as refused:
        find_provider(catalogue(), "zzzzzz")
    assert [hint.action for hint in refused.value.hints] == ["use_generic_provider"]


def test_every_provider_can_be_asked_for() -> None:
    for provider in catalogue().values():
        for scheme in (None, *(one.id for one in provider.webhook.schemes)):
            assert source_draft.faults(catalogue(), SourceDraft("x", provider.id, scheme)) is not None
