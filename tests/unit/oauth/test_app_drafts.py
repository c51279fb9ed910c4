"""What app credentials must be like, by the provider's entry: no database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwk import ECKey, RSAKey

from gateway.oauth.app_credentials.draft import AppDraft, asked_later, faults
from gateway.oauth.app_credentials.private_keys import key_fault, tidied
from gateway.providers import catalogue
from gateway.providers.oauth.model import OAuth
from tests.services.keys import rsa_key


def entry(provider: str) -> OAuth:
    found = catalogue()[provider].oauth
    assert found is not None
    return found


def found(provider: str, *, held: tuple[str, ...] = (), **given: Any) -> Mapping[str, str]:
    """The codes of what is wrong, by field."""
    values: dict[str, Any] = {"name": "apps", "client_id": "id-1", "client_secret": "shh", **given}
    draft = AppDraft(provider=provider, **values)
    wrong = faults(entry(provider), draft, held=held, plain_http=False, provider_name=provider)
    return {fault.field: fault.code for fault in wrong}


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *, passphrase: bytes | None = None) -> str:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase)
    made = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return made.decode()


def test_every_fault_is_found_at_once() -> None:
    assert found("github") == {}
    wrong = found("keycloak", name="a b", client_id="", client_secret=None, parameters={"reaml": "x"}, scopes=["a b"])
    assert wrong == {
        "name": "malformed",
        "client_id": "missing",
        "client_secret": "missing",
        "parameters.reaml": "not_taken",
        "parameters.base": "missing",
        "scopes": "malformed",
    }


def test_secrets_are_what_the_entry_takes() -> None:
    assert found("github", client_secret="") == {"client_secret": "missing"}
    assert found("github", client_secret="a\nb") == {"client_secret": "unusable"}
    assert found("github", client_secret="a" * 8_193) == {"client_secret": "too_long"}
    assert found("github", client_secret=None, held=("client_secret",)) == {}
    assert found("github", private_key="x") == {"private_key": "not_taken"}
    base = {"base": "https://ha.example.com"}
    assert found("home-assistant", client_id="", client_secret=None, parameters=base) == {}
    assert found("home-assistant", parameters=base) == {"client_id": "not_taken", "client_secret": "not_taken"}
    # A service account signs, and needs no secret.
    salesforce = {"login_host": "login.salesforce.com"}
    assert found("salesforce", client_secret=None, private_key=pem(rsa_key()), parameters=salesforce) == {}


def test_parameters_may_be_left_to_whoever_connects() -> None:
    assert found("shopify") == {}
    assert asked_later(entry("shopify"), {}) == ["shop"]
    assert asked_later(entry("shopify"), {"shop": "acme"}) == []
    assert found("shopify", parameters={"shop": "a/b"}) == {"parameters.shop": "malformed"}
    # But for those that say where the secret goes.
    assert found("gitea") == {"parameters.base": "missing"}
    assert found("gitea", parameters={"base": "http://git.example.com"}) == {"parameters.base": "malformed"}


def test_a_scope_that_is_not_known_is_refused_only_where_all_are_known() -> None:
    draft = AppDraft("apps", "heroku", "id-1", "shh", scopes=["identty"])
    [fault] = faults(entry("heroku"), draft, plain_http=False, provider_name="Heroku")
    assert (fault.field, fault.code) == ("scopes", "unknown")
    assert fault.hint is not None
    assert fault.hint.parameters == {"names": ["identity"]}
    assert found("github", scopes=["whatever:it-is"]) == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (lambda: pem(rsa_key()), None),
        (lambda: tidied(" " + pem(rsa_key()).replace("\n", "\\n") + " "), None),
        (lambda: json.dumps(rsa_jwk(private=True)), None),
        (lambda: json.dumps(rsa_jwk(private=False)), "is a public key"),
        (lambda: pem(rsa_key(), passphrase=b"secret"), "is encrypted"),
        (lambda: pem(ec.generate_private_key(ec.SECP256R1())), "is no RSA key"),
        (lambda: json.dumps(ECKey.generate_key("P-256").as_dict(private=True)), "is no RSA key"),
        (lambda: "hunter2", "is no RSA key"),
        (lambda: "[1]", "is no RSA key"),
        (lambda: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "is no RSA key"),
    ],
)
def test_private_keys_are_read_before_they_are_stored(text: Any, reason: str | None) -> None:
    fault = key_fault(text(), ["RS256"])
    assert fault is None if reason is None else fault is not None and fault.startswith(reason)


def test_a_key_that_is_too_short_is_refused() -> None:
    assert key_fault(pem(rsa.generate_private_key(65537, 1024)), ["RS256"]) == "is too short: RSA needs 2048 bits"


def rsa_jwk(*, private: bool) -> Any:
    return RSAKey.import_key(pem(rsa_key())).as_dict(private=private)
