"""ID tokens, signed by another library than the one that verifies them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from gateway.clock import MICROSECONDS, FakeClock
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderUnavailable
from gateway.oauth.protocol.http import HttpAnswer
from gateway.oauth.protocol.id_tokens import REFETCH_SECONDS, half_hash, verified_claims, verify
from gateway.oauth.protocol.signatures import MAX_TRIED
from gateway.oauth.protocol.values import App, Endpoints, Tokens
from tests.services.for_each import for_each_row
from tests.services.keys import rsa_key
from tests.services.oauth_apps import Answers, app_of

ISSUER, JWKS = "https://id.example.org/realm", "https://id.example.org/keys"
EVERY_ALGORITHM = ("RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA")
HERE = Endpoints(token="https://id.example.org/token", issuer=ISSUER, jwks=JWKS)
CLOCK = FakeClock()
NOW = CLOCK.now_us() // MICROSECONDS
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "user-1",
    "aud": "client-1",
    "exp": NOW + 3600,
    "iat": NOW,
    "nonce": "n0nce",
}


@lru_cache
def other_rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@lru_cache
def key_for(algorithm: str) -> Any:
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm.startswith("ES"):
        return ec.generate_private_key(ec.SECP384R1() if algorithm == "ES384" else ec.SECP256R1())
    return rsa_key()


def published(key: Any, **members: Any) -> dict[str, Any]:
    """The public key as a JWK; a member that is None is left out."""
    kind: Any = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else OKPAlgorithm
    if isinstance(key, ec.EllipticCurvePrivateKey):
        kind = ECAlgorithm
    made = kind.to_jwk(key.public_key(), as_dict=True) | {"kid": "key-1", "use": "sig"} | members
    return {name: value for name, value in made.items() if value is not None}


def signed(key: Any = None, *, algorithm: str = "RS256", kid: str | None = "key-1", **claims: Any) -> str:
    """An ID token; a claim that is None is left out."""
    said = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    headers = {"kid": kid} if kid is not None else {}
    return jwt.encode(said, key or key_for(algorithm), algorithm=algorithm, headers=headers)


def by_hand(header: Mapping[str, Any], claims: object = None, signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(CLAIMS if claims is None else claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in parts)


def key_server(*keys: Mapping[str, Any]) -> Answers:
    return Answers({JWKS: {"keys": list(keys) or [published(rsa_key())]}})


def verified(
    token: str,
    *,
    app: App | None = None,
    endpoints: Endpoints = HERE,
    http: Answers | None = None,
    clock: FakeClock = CLOCK,
    nonce: str | None = "n0nce",
    access_token: str | None = None,
) -> Mapping[str, Any]:
    return verify(
        app or app_of("oidc"),
        endpoints,
        http or key_server(),
        clock,
        id_token=token,
        nonce=nonce,
        access_token=access_token,
    )


def refusal(token: str, **options: Any) -> str:
    with pytest.raises(ProviderAnswerInvalid, match="ID token is refused: ") as refused:
        verified(token, **options)
    assert token not in str(refused.value)
    return str(refused.value).partition("refused: ")[2]


@for_each_row("algorithm", EVERY_ALGORITHM)
def test_a_good_token_tells_its_claims(algorithm: str) -> None:
    http = key_server(published(key_for(algorithm)))
    token = signed(algorithm=algorithm, email="ada@example.org")
    claims = verified(token, endpoints=replace(HERE, algorithms=EVERY_ALGORITHM), http=http)
    assert (claims["sub"], claims["email"]) == ("user-1", "ada@example.org")


@for_each_row(
    ("changes", "reason"),
    [
        ({"iss": "https://evil.example"}, "issued by another provider"),
        ({"iss": f"{ISSUER}/"}, "issued by another provider"),
        ({"iss": None}, "it has no iss"),
        ({"iss": [ISSUER]}, "its iss is wrong"),
        ({"sub": None}, "it has no sub"),
        ({"sub": ""}, "its sub is wrong"),
        ({"sub": 7}, "its sub is wrong"),
        ({"aud": "client-2"}, "its aud is wrong"),
        ({"aud": ["client-2", "client-3"]}, "its aud is wrong"),
        ({"aud": None}, "it has no aud"),
        ({"aud": {"client-1": True}}, "its aud is wrong"),
        ({"aud": ["client-1", "client-2"]}, "made for another app"),
        ({"aud": ["client-1", "client-2"], "azp": "client-2"}, "made for another app"),
        ({"azp": "client-2"}, "made for another app"),
        ({"exp": None}, "it has no exp"),
        ({"exp": "soon"}, "its exp is wrong"),
        ({"iat": None}, "it has no iat"),
        ({"iat": True}, "its iat is wrong"),
        ({"nbf": NOW + 600}, "its nbf is wrong"),
        ({"nonce": "another"}, "its nonce is not that of this login"),
        ({"nonce": None}, "its nonce is not that of this login"),
        ({"nonce": 7}, "its nonce is not that of this login"),
        ({"at_hash": "AAAA"}, "its at_hash is not that of the access token"),
        ({"at_hash": None, "exp": NOW - 121}, "it has expired"),
        ({"iat": NOW + 121}, "its iat is wrong"),
    ],
)
def test_one_wrong_claim_is_enough(changes: dict[str, Any], reason: str) -> None:
    # PyJWT signs strange claims only by hand.
    payload = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
    token = jwt.PyJWS().encode(json.dumps(payload).encode(), rsa_key(), "RS256", headers={"kid": "key-1"})
    assert reason in refusal(token, access_token="access")


@for_each_row("changes", [{"exp": NOW - 119}, {"iat": NOW + 119}, {"nbf": NOW + 119, "iat": NOW + 119}])
def test_clocks_may_be_two_minutes_off(changes: dict[str, int]) -> None:
    assert verified(signed(**changes))["sub"] == "user-1"


def test_a_token_for_several_names_the_one_who_asked() -> None:
    assert verified(signed(aud=["client-2", "client-1"], azp="client-1"))["azp"] == "client-1"
    assert verified(signed(aud=["client-1"]))["aud"] == ["client-1"]


def test_a_login_without_a_nonce_wants_none() -> None:
    assert verified(signed(nonce=None), nonce=None)["sub"] == "user-1"


@for_each_row(("algorithm", "digest"), [("RS256", "sha256"), ("ES384", "sha384"), ("EdDSA", "sha512")])
def test_the_access_token_s_hash(algorithm: str, digest: str) -> None:
    whole = hashlib.new(digest, b"access").digest()
    expected = base64.urlsafe_b64encode(whole[: len(whole) // 2]).decode().rstrip("=")
    assert half_hash("access", algorithm) == expected
    endpoints, http = replace(HERE, algorithms=(algorithm,)), key_server(published(key_for(algorithm)))
    token = signed(algorithm=algorithm, at_hash=expected)
    assert verified(token, endpoints=endpoints, http=http, access_token="access")
    assert "at_hash" in refusal(token, endpoints=endpoints, http=http, access_token="another")


def test_a_token_that_nobody_signed_is_refused() -> None:
    for algorithm in ("none", "None", "NONE", ""):
        for taken in (("RS256",), ("none", "RS256")):
            token = by_hand({"alg": algorithm, "kid": "key-1"})
            reason = refusal(token, endpoints=replace(HERE, algorithms=tuple(one for one in taken if one != "none")))
            assert "what is taken is RS256" in reason


def test_a_public_key_is_no_shared_secret() -> None:
    modulus = published(rsa_key())["n"].encode()
    unsigned = by_hand({"alg": "HS256", "kid": "key-1"}).rpartition(".")[0]
    mac = hmac.new(modulus, unsigned.encode(), hashlib.sha256).digest()
    token = f"{unsigned}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
    assert "signed with 'HS256'" in refusal(token)
    secret = {"kty": "oct", "k": base64.urlsafe_b64encode(modulus).decode().rstrip("="), "kid": "key-1"}
    forged = replace(HERE, algorithms=("HS256",))
    assert "none of the provider's keys" in refusal(token, endpoints=forged, http=key_server(secret))


def test_no_algorithm_in_common_takes_nothing() -> None:
    assert "none of those" in refusal(signed(), endpoints=replace(HERE, algorithms=()))
    assert "what is taken is ES256" in refusal(signed(), endpoints=replace(HERE, algorithms=("ES256",)))


@for_each_row(
    "token",
    [
        "",
        "a.b",
        "a.b.c",
        "é.é.é",
        "...",
        "[" * 5000,
        by_hand({"kid": "key-1"}),
        by_hand({"alg": "RS256", "kid": "key-1", "crit": ["exp"], "exp": 1}),
        by_hand({"alg": ["RS256"]}),
        "x" * 100_000,
    ],
)
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(ProviderAnswerInvalid, match="ID token is refused: "):
        verified(token)


@for_each_row("payload", [b"[]", b"{", b"\xff", b"[" * 50_000, b'{"iss": NaN}'])
def test_what_is_signed_and_holds_no_claims(payload: bytes) -> None:
    token = jwt.PyJWS().encode(payload, rsa_key(), "RS256", headers={"kid": "key-1"})
    assert refusal(token)


def test_another_s_signature_is_refused() -> None:
    assert "none of the provider's keys signed it" in refusal(signed(other_rsa_key()))
    whole = signed()
    assert "none of the provider's keys" in refusal(whole[:-8] + "AAAAAAAA")


def test_a_new_key_is_fetched_once_and_then_known() -> None:
    http, clock = key_server(), FakeClock()
    verified(signed(), http=http, clock=clock)
    http.found[JWKS] = {"keys": [published(rsa_key()), published(other_rsa_key(), kid="key-2")]}
    clock.advance(REFETCH_SECONDS + 1)
    for _ in range(3):
        verified(signed(other_rsa_key(), kid="key-2"), http=http, clock=clock)
    assert len(http.asked) == 2


def test_unknown_keys_have_the_keys_fetched_no_more_than_every_half_minute() -> None:
    http, clock = key_server(), FakeClock()
    for _ in range(20):
        refusal(signed(kid="unknown"), http=http, clock=clock)
    assert len(http.asked) == 1
    clock.advance(REFETCH_SECONDS + 1)
    for _ in range(20):
        refusal(signed(kid="unknown"), http=http, clock=clock)
    assert len(http.asked) == 2


def test_a_key_that_was_replaced_under_its_old_id_is_fetched_too() -> None:
    http, clock = key_server(), FakeClock()
    verified(signed(), http=http, clock=clock)
    http.found[JWKS] = {"keys": [published(other_rsa_key())]}
    clock.advance(REFETCH_SECONDS + 1)
    assert verified(signed(other_rsa_key()), http=http, clock=clock)
    assert "none of the provider's keys" in refusal(signed(), http=http, clock=clock)


def test_keys_that_are_for_something_else_are_passed_over() -> None:
    for members in ({"use": "enc"}, {"alg": "RS512"}, {"kid": "other"}, {"kty": "EC"}, {"n": "!"}, {"n": None}):
        assert "none of the provider's keys" in refusal(signed(), http=key_server(published(rsa_key(), **members)))
    strange = [{"kty": "AKP", "kid": "key-1"}, "no key", published(rsa_key(), n="!"), published(rsa_key())]
    assert verified(signed(), http=key_server(*strange))  # type: ignore[arg-type]


def test_a_token_without_a_key_id_is_tried_with_all_that_fit() -> None:
    keys = [published(other_rsa_key(), kid="a"), published(rsa_key(), kid=None), published(key_for("ES256"), kid="b")]
    assert verified(signed(kid=None), http=key_server(*keys))
    many = [published(other_rsa_key(), kid=str(number)) for number in range(MAX_TRIED)]
    assert verified(signed(kid=None), http=key_server(*many[1:], published(rsa_key())))
    assert "none of the provider's keys" in refusal(signed(kid=None), http=key_server(*many, published(rsa_key())))


@for_each_row("document", [{"keys": {}}, {"keys": []}, {"keys": None}, {}])
def test_a_key_set_without_keys_signs_nothing(document: dict[str, Any]) -> None:
    assert "none of the provider's keys" in refusal(signed(), http=Answers({JWKS: document}))


def test_the_keys_away_is_a_fault_that_passes() -> None:
    with pytest.raises(ProviderUnavailable):
        verified(signed(), http=Answers({JWKS: HttpAnswer(503, {}, b"")}))


def test_nothing_is_verified_where_nobody_says_by_whom_and_how() -> None:
    assert "with which keys" in refusal(signed(), endpoints=replace(HERE, jwks=None))
    assert "who may have issued it" in refusal(signed(), endpoints=replace(HERE, issuer=None))


def test_microsoft_s_issuer_names_the_tenant_of_the_token() -> None:
    app = app_of("microsoft-graph")
    endpoints = replace(HERE, issuer="https://login.microsoftonline.com/{tenantid}/v2.0")
    tenant = "9188040d-6c67-4c5b-b112-36a304b66dad"
    issuer = f"https://login.microsoftonline.com/{tenant}/v2.0"
    assert verified(signed(iss=issuer, tid=tenant), app=app, endpoints=endpoints)["tid"] == tenant
    for claims in (
        {"iss": issuer},
        {"iss": issuer, "tid": "another"},
        {"iss": "https://login.microsoftonline.com/a/b/v2.0", "tid": "a/b"},
        {"iss": "https://login.microsoftonline.com/{tenantid}/v2.0"},
        {"iss": "https://login.microsoftonline.com/{tenantid}/v2.0", "tid": "{tenantid}"},
    ):
        refused = refusal(signed(**claims), app=app, endpoints=endpoints)
        assert "issued by another provider" in refused, claims


def test_what_comes_with_tokens_is_verified_where_anybody_could() -> None:
    def claims(provider: str, id_token: str | None, endpoints: Endpoints = HERE) -> Mapping[str, Any] | None:
        tokens = Tokens(access_token="access", id_token=id_token)
        return verified_claims(app_of(provider), endpoints, key_server(), CLOCK, tokens=tokens, nonce="n0nce")

    assert (claims("oidc", signed()) or {})["sub"] == "user-1"
    assert claims("oidc", None) is None
    silent = replace(HERE, jwks=None)
    # PayPal's account is asked of its API, and its entry says nothing of keys.
    assert claims("paypal", signed(), silent) is None
    assert claims("github", signed()) is None
    with pytest.raises(ProviderAnswerInvalid, match="with which keys"):
        claims("oidc", signed(), silent)
    with pytest.raises(ProviderAnswerInvalid, match="none of the provider's keys"):
        claims("paypal", signed(other_rsa_key()))


HEADERS = st.fixed_dictionaries(
    {"alg": st.sampled_from(["RS256", "EdDSA", "none", None, 1, ["RS256"], {}])},
    optional={"kid": st.sampled_from(["key-1", None, [], {}, 1]), "crit": st.sampled_from([[], ["b64"], 1, "b64"])},
)
KEYS = st.dictionaries(
    st.sampled_from(["kty", "kid", "use", "alg", "n", "e", "x", "crv", "key_ops"]),
    st.sampled_from(["RSA", "OKP", "EC", "key-1", "sig", "AQAB", "Ed25519", "", None, 1, [], {}, ["verify"]]),
)


@given(
    st.one_of(st.text(max_size=60), HEADERS.map(by_hand)), st.lists(KEYS | st.none() | st.text(max_size=3), max_size=4)
)
def test_whatever_comes_is_refused_without_a_surprise(token: str, keys: list[Any]) -> None:
    endpoints = replace(HERE, algorithms=EVERY_ALGORITHM)
    with pytest.raises(ProviderAnswerInvalid):
        verified(token, endpoints=endpoints, http=Answers({JWKS: {"keys": keys}}))
