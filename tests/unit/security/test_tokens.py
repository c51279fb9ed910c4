"""Random slugs and signing secrets."""

from __future__ import annotations

import base64

import pytest
from standardwebhooks import Webhook

from gateway.security.tokens import generate_signing_secret, is_unguessable, random_slug


def test_random_slugs_are_unguessable_and_different() -> None:
    slugs = {random_slug() for _ in range(500)}
    assert len(slugs) == 500
    assert all(is_unguessable(slug) and len(slug) == 36 for slug in slugs)


@pytest.mark.parametrize(
    "slug", ["", "github", "src_", "src_short", "src_" + "a" * 32, "xsrc_0123456789abcdefghijklmnopqrstuv"]
)
def test_other_slugs_are_guessable(slug: str) -> None:
    assert not is_unguessable(slug)


@pytest.mark.parametrize("ending", ["\n", "/", "é"])
def test_nothing_may_hang_on_to_a_slug(ending: str) -> None:
    assert not is_unguessable(random_slug() + ending)


def test_signing_secrets_fit_standard_webhooks() -> None:
    secret = generate_signing_secret()
    assert secret.startswith("whsec_")
    assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) <= 64
    Webhook(secret)
    assert secret != generate_signing_secret()
