"""What comes back in a callback's query, whoever sends it."""

from __future__ import annotations

import hashlib
import hmac
from contextlib import suppress
from dataclasses import replace
from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.oauth.protocol.callbacks import (
    MAX_BYTES,
    CallbackFacts,
    check_callback,
    matches_issuer,
    read_callback,
)
from gateway.oauth.protocol.errors import CallbackRefused, ProviderRefused
from gateway.oauth.protocol.values import Endpoints
from gateway.providers import catalogue
from gateway.providers.oauth.model import Callback
from gateway.providers.oauth.parts import Kept
from tests.services.for_each import for_each_row
from tests.services.oauth_apps import app_of, section

GITHUB = section("github")
EVERY = [one.oauth for one in catalogue().values() if one.oauth is not None]
PLAIN = Endpoints(token="https://id.example.org/token")
ISSUED = replace(PLAIN, issuer="https://id.example.org/realm")
PROMISED = replace(ISSUED, sends_iss=True)


def refusal(provider: str, endpoints: Endpoints, query: str | bytes) -> str:
    app = app_of(provider)
    with pytest.raises(CallbackRefused) as refused:
        check_callback(app, endpoints, read_callback(app.oauth, query))
    return refused.value.reason


def test_a_code_comes_with_its_state() -> None:
    facts = read_callback(GITHUB, b"code=c%2Fode+1&state=st&session_state=other")
    assert (facts.code, facts.state, facts.error, facts.fault) == ("c/ode 1", "st", None, None)
    assert check_callback(app_of("github"), PLAIN, facts) == "c/ode 1"
    assert "c/ode" not in repr(facts)


def test_a_refusal_comes_with_the_provider_s_words_made_readable() -> None:
    facts = read_callback(GITHUB, "error=access_denied&error_description=The%20user%0Asaid%00no&state=st")
    with pytest.raises(ProviderRefused, match="the provider says access_denied: The user said no") as refused:
        check_callback(app_of("github"), PLAIN, facts)
    assert refused.value.error == "access_denied"
    long = read_callback(GITHUB, f"error=server_error&error_description={'x' * 5000}&state=st")
    assert long.description == "x" * 500


@for_each_row(
    ("query", "detail"),
    [
        ("code=1&code=2&state=st", "repeats the parameter code"),
        ("code=1&error=access_denied&state=st", "a code and an error together"),
        ("code=1&iss=a&iss=b&state=st", "repeats the parameter iss"),
        (f"code={'1' * 10_240}&state=st", "code is too long"),
        ("code=a%00b&state=st", "code is too long, or holds control characters"),
        ("code=a%0D%0Ab&state=st", "holds control characters"),
        ("error=a%20b&state=st", "error is no code"),
        (f"error={'e' * 101}&state=st", "error is no code"),
    ],
)
def test_what_cannot_be_read_still_ends_the_flow_that_its_state_names(query: str, detail: str) -> None:
    facts = read_callback(GITHUB, query)
    assert (facts.state, facts.code, facts.error, facts.fault) == ("st", None, None, "malformed")
    assert detail in (facts.detail or "")
    assert refusal("github", PLAIN, query) == "malformed"


@for_each_row(
    "query",
    [
        "",
        "state=",
        "state=a&state=b&code=1",
        f"state={'s' * 10_240}&code=1",
        "state=a%00b&code=1",
        "code=1",
        f"state=st&code=1&padding={'x' * MAX_BYTES}",
        "state=st&" + "&".join(f"p{number}=1" for number in range(64)),
        b"state=st&code=%ff",
        b"state=st&code=\xff",
        "state=\ud800",
    ],
)
def test_without_a_state_that_is_one_there_is_none(query: str | bytes) -> None:
    assert read_callback(GITHUB, query).state is None


@for_each_row("query", ["state=st", "state=st&code=&error=", "state=st&code", "state=st;code=1"])
def test_neither_a_code_nor_an_error_is_no_answer(query: str) -> None:
    facts = replace(read_callback(GITHUB, query), state="st")
    with pytest.raises(CallbackRefused, match="neither a code nor an error"):
        check_callback(app_of("github"), PLAIN, facts)


@for_each_row(
    ("endpoints", "iss", "reason"),
    [
        (PLAIN, None, None),
        (PLAIN, "https://whoever.example.org", None),
        (ISSUED, None, None),
        (ISSUED, "https://id.example.org/realm", None),
        (ISSUED, "https://id.example.org/realm/", "issuer_mismatch"),
        (ISSUED, "https://ID.example.org/realm", "issuer_mismatch"),
        (ISSUED, "https://id.example.org:443/realm", "issuer_mismatch"),
        (ISSUED, "https://evil.example", "issuer_mismatch"),
        (PROMISED, "https://id.example.org/realm", None),
        (PROMISED, None, "issuer_missing"),
        (PROMISED, "", "issuer_missing"),
    ],
)
def test_the_issuer_is_compared_to_the_letter(endpoints: Endpoints, iss: str | None, reason: str | None) -> None:
    said = "" if iss is None else "&" + urlencode({"iss": iss})
    for answer in ("code=c", "error=access_denied"):
        query = f"{answer}&state=st{said}"
        if reason is not None:
            assert refusal("github", endpoints, query) == reason
        elif answer == "code=c":
            assert check_callback(app_of("github"), endpoints, read_callback(GITHUB, query)) == "c"


def test_an_issuer_that_names_a_tenant_is_matched_with_one_part_in_its_place() -> None:
    issuer = "https://login.microsoftonline.com/{tenantid}/v2.0"
    assert matches_issuer(issuer, "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0")
    assert not matches_issuer(issuer, "https://login.microsoftonline.com/a/b/v2.0")
    assert not matches_issuer(issuer, "https://login.microsoftonline.com//v2.0")
    assert not matches_issuer(issuer, "https://loginXmicrosoftonline.com/a/v2.0")


def shopify(secret: str = "s3cret", **changes: str) -> str:
    """A callback as Shopify's documentation signs it: a MAC over the sorted parameters."""
    values = {
        "code": "0907a61c0c8d55e99db179b68161bc00",
        "host": "YWRtaW4uc2hvcGlmeS5jb20vc3RvcmUvYWNtZQ",
        "shop": "acme.myshopify.com",
        "state": "st",
        "timestamp": "1337178173",
    }
    message = "&".join(f"{name}={value}" for name, value in sorted(values.items()))
    mac = hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()
    return urlencode({**values, "hmac": mac} | changes)


def test_a_signed_callback_is_taken_and_a_changed_one_is_not() -> None:
    app = app_of("shopify")
    facts = read_callback(app.oauth, shopify())
    assert check_callback(app, PLAIN, facts).startswith("0907")
    assert facts.kept == {"shop_domain": "acme.myshopify.com"}
    for query in (
        shopify("another"),
        shopify(code="1"),
        shopify(shop="evil.myshopify.com"),
        shopify(hmac=""),
        shopify(hmac="é"),
        shopify() + "&added=1",
        shopify() + "&hmac=" + "0" * 64,
        "code=1&state=st&shop=acme.myshopify.com",
    ):
        assert refusal("shopify", PLAIN, query) == "signature_mismatch"
    assert refusal_without_secret() == "signature_mismatch"


def refusal_without_secret() -> str:
    app = app_of("shopify", secrets={})
    with pytest.raises(CallbackRefused) as refused:
        check_callback(app, PLAIN, read_callback(app.oauth, shopify("")))
    return refused.value.reason


def test_both_spellings_of_a_signed_value_are_taken() -> None:
    app = app_of("shopify")
    values = {"code": "c", "host": "YWI=/a&b%", "shop": "acme.myshopify.com", "state": "st"}
    for text in (
        "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(values.items())),
        "&".join(f"{name}={value.replace('%', '%25').replace('&', '%26')}" for name, value in sorted(values.items())),
    ):
        mac = hmac.new(b"s3cret", text.encode(), hashlib.sha256).hexdigest()
        assert check_callback(app, PLAIN, read_callback(app.oauth, urlencode({**values, "hmac": mac}))) == "c"


def test_values_that_are_kept_are_judged_first() -> None:
    zoho = section("zoho")
    query = "code=c&state=st&location=eu&accounts-server="
    facts = read_callback(zoho, query + quote("https://accounts.zoho.eu", safe=""))
    assert facts.kept == {"accounts_server": "https://accounts.zoho.eu", "location": "eu"}
    for other in ("https://accounts.zoho.evil", "https://accounts.zoho.eu/x", "https://evil@accounts.zoho.eu"):
        assert refusal("zoho", PLAIN, query + quote(other, safe="")) == "value_refused"
    bigcommerce = section("bigcommerce")
    facts = read_callback(bigcommerce, "code=c&state=st&context=stores/abc123&scope=store_v2_orders%20store_v2_default")
    assert facts.kept["context"] == "stores/abc123"
    assert facts.scopes == ("store_v2_orders", "store_v2_default")
    assert refusal("bigcommerce", PLAIN, "code=c&state=st&context=stores/../../evil") == "value_refused"
    assert refusal("bigcommerce", PLAIN, "code=c&state=st&context=stores/a&context=stores/b") == "malformed"
    assert read_callback(section("strava"), "code=c&state=st&scope=read,activity:read_all").scopes == (
        "read",
        "activity:read_all",
    )
    assert read_callback(GITHUB, "code=c&state=st&scope=all").scopes is None


def test_a_secret_that_is_kept_stands_apart() -> None:
    oauth = replace(GITHUB, callback=Callback(keep={"ticket": Kept("ticket", secret=True), "site": Kept("site")}))
    facts = read_callback(oauth, "code=c&state=st&ticket=t1cket&site=main")
    assert (facts.kept, facts.secret_kept) == ({"site": "main"}, {"ticket": "t1cket"})
    assert "t1cket" not in repr(facts)


def test_oauth_1_is_read_alike() -> None:
    trello = section("trello")
    facts = read_callback(trello, "oauth_token=request&oauth_verifier=proof")
    assert (facts.state, facts.code) == ("request", "proof")
    assert read_callback(trello, "oauth_token=request&denied=request").error == "access_denied"
    assert read_callback(trello, "state=st&code=c").state is None


ALPHABET = st.sampled_from(
    ["code", "state", "error", "iss", "shop", "hmac", "=", "&", "&", "%", "%00", "%ff", ";", "+", "é"]
)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300), st.lists(ALPHABET, max_size=40).map("".join)))
@example("%")
@example("&" * 5000)
def test_whatever_comes_is_read_and_judged_without_a_surprise(query: str | bytes) -> None:
    for provider in ("github", "shopify", "zoho", "trello", "bigcommerce"):
        app = app_of(provider)
        facts = read_callback(app.oauth, query)
        assert isinstance(facts, CallbackFacts)
        for endpoints in (PLAIN, PROMISED):
            with suppress(CallbackRefused, ProviderRefused):
                assert check_callback(app, endpoints, facts)


def test_every_entry_reads_a_plain_callback() -> None:
    for oauth in EVERY:
        if oauth.kind != "oauth1":
            assert read_callback(oauth, "code=c&state=st").code == "c"
