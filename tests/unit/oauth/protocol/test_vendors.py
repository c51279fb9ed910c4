"""Vendors that want something of their own, byte for byte: the request as their pages show it, their published answer,
and what is made of it. Written by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gateway.oauth.protocol import tokens
from gateway.oauth.protocol.http import HttpRequest
from gateway.oauth.protocol.known import known
from gateway.oauth.protocol.values import App, Endpoints
from gateway.providers.oauth.templates import url_of
from tests.services.for_each import for_each
from tests.services.oauth_apps import Answers, app_of, as_json

NOW_US = 1_790_000_000_000_000
FORM = "Content-Type: application/x-www-form-urlencoded"
BASIC = "Authorization: Basic Y2xpZW50LTE6czNjcmV0"
POSTED = "client_id=client-1&client_secret=s3cret"
STANDARD = "grant_type=authorization_code&code=CODE&redirect_uri=https%3A%2F%2Fgateway.example.org%2Foauth%2F"
VERIFIER = "&code_verifier=VERIFIER"


@dataclass(frozen=True)
class Case:
    """`request` are its lines, the body last. `refreshes` are the vault's fields of a refresh; None: an exchange.
    `gives` are attributes of the tokens, `lives` seconds.
    """

    provider: str
    request: tuple[str, ...]
    answer: dict[str, Any]
    gives: dict[str, Any] = field(default_factory=dict)
    lives: int | None = None
    refreshes: dict[str, str] | None = None
    kept: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.provider} {'exchange' if self.refreshes is None else 'refresh'}"


OLD = {"access_token": "OLD", "refresh_token": "RT"}
REFRESHING = "grant_type=refresh_token&refresh_token=RT"

CASES = [
    Case(
        "github",
        (
            "POST https://github.com/login/oauth/access_token",
            "Accept: application/json",
            FORM,
            f"{STANDARD}github%2Fcallback{VERIFIER}&{POSTED}",
        ),
        {"access_token": "gho_16C7e42F292c6912E7710c838347Ae178B4a", "scope": "repo,gist", "token_type": "bearer"},
        {"scopes": ("repo", "gist"), "refresh_token": None},
    ),
    Case(
        "github",
        (
            "POST https://github.com/login/oauth/access_token",
            "Accept: application/json",
            FORM,
            f"{REFRESHING}&{POSTED}",
        ),
        {
            "access_token": "ghu_1",
            "expires_in": 28800,
            "refresh_token": "ghr_1",
            "refresh_token_expires_in": 15897600,
            "scope": "",
            "token_type": "bearer",
        },
        {"access_token": "ghu_1", "refresh_token": "ghr_1", "scopes": ()},
        28800,
        OLD,
    ),
    Case(
        "slack",
        (
            "POST https://slack.com/api/oauth.v2.access",
            BASIC,
            FORM,
            f"{STANDARD}slack%2Fcallback{VERIFIER}",
        ),
        {
            "ok": True,
            "access_token": "xoxb-17653672481",
            "token_type": "bot",
            "scope": "commands,incoming-webhook",
            "bot_user_id": "U0KRQLJ9H",
            "app_id": "A0KRD7HC3",
            "team": {"name": "Slack Pickleball Team", "id": "T9TK3CUKW"},
            "enterprise": {"name": "slack-pickleball", "id": "E12345678"},
            "authed_user": {"id": "U1234", "scope": "chat:write", "access_token": "xoxp-1234", "token_type": "user"},
            "incoming_webhook": {"channel_id": "C05002EAE", "url": "https://hooks.slack.com/TXXXXX/BXXXXX/XXXXX"},
        },
        {
            "token_type": "bot",
            "scopes": ("commands", "incoming-webhook"),
            "kept": {
                "team_id": "T9TK3CUKW",
                "bot_user_id": "U0KRQLJ9H",
                "app_id": "A0KRD7HC3",
                "authed_user_id": "U1234",
                "webhook_channel": "C05002EAE",
            },
            "secret_kept": {"webhook_url": "https://hooks.slack.com/TXXXXX/BXXXXX/XXXXX"},
        },
    ),
    Case(
        "shopify",
        (
            "POST https://acme.myshopify.com/admin/oauth/access_token",
            FORM,
            f"{STANDARD}shopify%2Fcallback{VERIFIER}&expiring=1&{POSTED}",
        ),
        {
            "access_token": "shpat_1",
            "scope": "write_orders,read_customers",
            "expires_in": 3600,
            "refresh_token": "shprt_1",
            "refresh_token_expires_in": 7776000,
        },
        {
            "scopes": ("write_orders", "read_customers"),
            "refresh_expires_at_us": NOW_US + 7_776_000 * 1_000_000,
        },
        3600,
    ),
    Case(
        "notion",
        (
            "POST https://api.notion.com/v1/oauth/token",
            BASIC,
            "Content-Type: application/json",
            '{"grant_type":"authorization_code","code":"CODE",'
            '"redirect_uri":"https://gateway.example.org/oauth/notion/callback","code_verifier":"VERIFIER"}',
        ),
        {
            "access_token": "ntn_1",
            "refresh_token": None,
            "bot_id": "b-1",
            "workspace_id": "w-1",
            "workspace_name": "Ada\u00a0& Sons",
            "owner": {"type": "user", "user": {"id": "u-1"}},
            "token_type": "bearer",
        },
        {
            "refresh_token": None,
            "scopes": None,
            "kept": {"workspace_id": "w-1", "bot_id": "b-1", "workspace_name": "Ada & Sons"},
        },
    ),
    Case(
        "stripe",
        (
            "POST https://connect.stripe.com/oauth/token",
            FORM,
            f"{STANDARD}stripe%2Fcallback{VERIFIER}&client_secret=s3cret",
        ),
        {
            "access_token": "sk_test_1",
            "livemode": False,
            "refresh_token": "rt_1",
            "token_type": "bearer",
            "stripe_publishable_key": "pk_test_1",
            "stripe_user_id": "acct_1",
            "scope": "read_write",
        },
        {"kept": {"stripe_user_id": "acct_1", "livemode": "false", "publishable_key": "pk_test_1"}},
    ),
    Case(
        "x-twitter",
        (
            "POST https://api.x.com/2/oauth2/token",
            BASIC,
            FORM,
            REFRESHING,
        ),
        {
            "token_type": "bearer",
            "expires_in": 7200,
            "access_token": "AT",
            "scope": "users.read tweet.read offline.access",
            "refresh_token": "NEW",
        },
        {"refresh_token": "NEW", "scopes": ("users.read", "tweet.read", "offline.access")},
        7200,
        OLD,
    ),
    Case(
        "salesforce",
        (
            "POST https://login.salesforce.com/services/oauth2/token",
            FORM,
            f"{REFRESHING}&{POSTED}",
        ),
        {
            "access_token": "00Dx!AQ4A",
            "instance_url": "https://acme.my.salesforce.com",
            "id": "https://login.salesforce.com/id/00D1/0051",
            "token_type": "Bearer",
            "issued_at": "1278448384422",
            "scope": "refresh_token api",
        },
        {
            "refresh_token": None,
            "kept": {
                "instance_url": "https://acme.my.salesforce.com",
                "identity_url": "https://login.salesforce.com/id/00D1/0051",
                "issued_at": "1278448384422",
            },
        },
        7200,
        OLD,
    ),
    Case(
        "zoho",
        (
            "POST https://accounts.zoho.com/oauth/v2/token",
            FORM,
            f"{REFRESHING}&{POSTED}",
        ),
        {
            "access_token": "1000.a",
            "api_domain": "https://www.zohoapis.eu",
            "token_type": "Bearer",
            "expires_in": 3600,
        },
        {"kept": {"api_domain": "https://www.zohoapis.eu"}},
        3600,
        OLD,
    ),
    Case(
        "quickbooks",
        (
            "POST https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer",
            BASIC,
            FORM,
            REFRESHING,
        ),
        {
            "token_type": "bearer",
            "expires_in": 3600,
            "refresh_token": "AB11",
            "x_refresh_token_expires_in": 8_726_400,
            "access_token": "eyJ",
        },
        {"refresh_token": "AB11", "refresh_expires_at_us": NOW_US + 8_726_400 * 1_000_000},
        3600,
        OLD,
    ),
    Case(
        "xero",
        (
            "POST https://identity.xero.com/connect/token",
            BASIC,
            FORM,
            REFRESHING,
        ),
        {
            "id_token": "eyJ",
            "access_token": "eyK",
            "expires_in": 1800,
            "token_type": "Bearer",
            "refresh_token": "xyz",
            "scope": "email profile openid accounting.transactions offline_access",
        },
        {"refresh_token": "xyz", "id_token": "eyJ"},
        1800,
        OLD,
    ),
    Case(
        "jira",
        (
            "POST https://auth.atlassian.com/oauth/token",
            FORM,
            f"{REFRESHING}&{POSTED}",
        ),
        {"access_token": "AT", "refresh_token": "NEW", "expires_in": 3600, "scope": "read:me offline_access"},
        {"refresh_token": "NEW", "scopes": ("read:me", "offline_access")},
        3600,
        OLD,
    ),
    Case(
        "meta",
        (
            "GET https://graph.facebook.com/v22.0/oauth/access_token?grant_type=fb_exchange_token"
            "&client_id=client-1&client_secret=s3cret&fb_exchange_token=OLD",
        ),
        {"access_token": "EAA", "token_type": "bearer", "expires_in": 5_183_944},
        {"access_token": "EAA", "refresh_token": None},
        5_183_944,
        {"access_token": "OLD"},
    ),
    Case(
        "instagram",
        ("GET https://graph.instagram.com/refresh_access_token?grant_type=ig_refresh_token&access_token=OLD",),
        {"access_token": "IGQ", "token_type": "bearer", "expires_in": 5_183_944},
        {"access_token": "IGQ"},
        5_183_944,
        {"access_token": "OLD"},
    ),
    Case(
        "linkedin",
        (
            "POST https://www.linkedin.com/oauth/v2/accessToken",
            FORM,
            f"{STANDARD}linkedin%2Fcallback&{POSTED}",
        ),
        {"access_token": "AQX", "expires_in": 5_184_000, "scope": "email,openid,profile"},
        {"access_token": "AQX", "refresh_token": None},
        5_184_000,
    ),
    Case(
        "tiktok",
        (
            "POST https://open.tiktokapis.com/v2/oauth/token/",
            FORM,
            f"{STANDARD}tiktok%2Fcallback{VERIFIER}&client_key=client-1&client_secret=s3cret",
        ),
        {
            "access_token": "act.1",
            "expires_in": 86400,
            "open_id": "afd97af1-b87b-48b9-ac98-410aghda5344",
            "refresh_expires_in": 31_536_000,
            "refresh_token": "rft.1",
            "scope": "user.info.basic",
            "token_type": "Bearer",
        },
        {"refresh_token": "rft.1", "refresh_expires_at_us": NOW_US + 31_536_000 * 1_000_000},
        86400,
    ),
    Case(
        "linear",
        (
            "POST https://api.linear.app/oauth/token",
            FORM,
            f"{STANDARD}linear%2Fcallback&{POSTED}",
        ),
        {"access_token": "lin", "token_type": "Bearer", "expires_in": 86399, "scope": "read write"},
        {"scopes": ("read", "write")},
        86399,
    ),
    Case(
        "square",
        (
            "POST https://connect.squareup.com/oauth2/token",
            "Content-Type: application/json",
            '{"grant_type":"refresh_token","refresh_token":"RT","client_id":"client-1","client_secret":"s3cret"}',
        ),
        {
            "access_token": "EAAA",
            "token_type": "bearer",
            "expires_at": "2026-10-21T14:13:20Z",
            "merchant_id": "MLQ",
            "refresh_token": "RT",
        },
        {"refresh_token": "RT", "kept": {"merchant_id": "MLQ"}},
        30 * 86400,
        OLD,
    ),
    Case(
        "reddit",
        (
            "POST https://www.reddit.com/api/v1/access_token",
            BASIC,
            FORM,
            "User-Agent: Acme (ops@acme.example)",
            REFRESHING,
        ),
        {"access_token": "J1", "token_type": "bearer", "expires_in": 86400, "scope": "identity"},
        {"access_token": "J1", "refresh_token": None},
        86400,
        OLD,
    ),
    Case(
        "zendesk",
        (
            "POST https://acme.zendesk.com/oauth/tokens",
            FORM,
            f"{REFRESHING}&expires_in=1800&{POSTED}",
        ),
        {"access_token": "AT", "refresh_token": "NEW", "token_type": "bearer", "scope": "read", "expires_in": 1800},
        {"refresh_token": "NEW"},
        1800,
        OLD,
    ),
    Case(
        "gitlab",
        (
            "POST https://gitlab.com/oauth/token",
            FORM,
            f"{REFRESHING}&redirect_uri=https%3A%2F%2Fgateway.example.org%2Foauth%2Fgitlab%2Fcallback&{POSTED}",
        ),
        {"access_token": "AT", "token_type": "Bearer", "expires_in": 7200, "refresh_token": "NEW", "created_at": 1607},
        {"kept": {"created_at": "1607"}},
        7200,
        OLD,
    ),
    Case(
        "ebay",
        (
            "POST https://api.ebay.com/identity/v1/oauth2/token",
            BASIC,
            FORM,
            f"grant_type=authorization_code&code=CODE&redirect_uri=Acme-RuName{VERIFIER}",
        ),
        {"access_token": "v^1.1#i", "expires_in": 7200, "refresh_token": "v^1.1#r", "token_type": "User Access Token"},
        {"token_type": "User Access Token"},
        7200,
    ),
    Case(
        "bigcommerce",
        (
            "POST https://login.bigcommerce.com/oauth2/token",
            FORM,
            f"{STANDARD}bigcommerce%2Fcallback{VERIFIER}&context=stores%2Fabc&scope=store_v2_orders&{POSTED}",
        ),
        {"access_token": "AT", "scope": "store_v2_orders", "context": "stores/abc"},
        {"scopes": ("store_v2_orders",)},
        None,
        None,
        {"context": "stores/abc", "scope": "store_v2_orders"},
    ),
    Case(
        "withings",
        (
            "POST https://wbsapi.withings.net/v2/oauth2",
            FORM,
            f"{REFRESHING}&action=requesttoken&{POSTED}",
        ),
        {"status": 0, "body": {"userid": "363", "access_token": "AT", "refresh_token": "NEW", "expires_in": 10800}},
        {"refresh_token": "NEW", "kept": {"userid": "363"}},
        10800,
        OLD,
    ),
]


def lines(request: HttpRequest) -> tuple[str, ...]:
    """A request as text: the method and the URL, its headers in the order of their names, its body."""
    headers = sorted(f"{name}: {value}" for name, value in request.headers)
    return (f"{request.method} {request.url}", *headers, *([request.body.decode()] if request.body else []))


def there(app: App) -> Endpoints:
    assert app.oauth.token.url is not None
    way = app.oauth.token.authentication
    return Endpoints(token=url_of(app.oauth.token.url, known(app)), token_authentication=way)


class Vendor(Answers):
    """One vendor, with one answer."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__()
        self.answer = answer

    def send(self, request: HttpRequest) -> Any:
        self.asked.append(request)
        return as_json(self.answer)


@for_each(CASES)
def test_requests_and_answers_of_vendors(case: Case) -> None:
    app, http = app_of(case.provider), Vendor(case.answer)
    if case.refreshes is not None:
        found = tokens.refresh(app, there(app), http, secrets=case.refreshes, kept=case.kept, now_us=NOW_US)
    else:
        authorize = app.oauth.authorize
        assert authorize is not None
        verifier = "VERIFIER" if authorize.sends_pkce else None
        found = tokens.exchange_code(
            app, there(app), http, code="CODE", verifier=verifier, kept=case.kept, now_us=NOW_US
        )
    (asked,) = http.asked
    assert lines(asked) == case.request
    assert {name: getattr(found, name) for name in case.gives} == case.gives
    assert found.expires_at_us == (None if case.lives is None else NOW_US + case.lives * 1_000_000)
    assert found.document == case.answer
