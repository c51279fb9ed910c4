"""What of a section `oauth` has the right shape and makes no sense: each is a fault that names its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy

import pytest

from gateway.providers import CatalogueError, parse_provider
from gateway.providers.oauth.model import OAuth
from gateway.strict_yaml import load_strictly
from tests.services.for_each import for_each

ENTRY = """\
name: Acme
category: tests
oauth:
  kind: oidc
  evidence: {level: docs, by: [Acme's handbook]}
  parameters:
    shop: {about: the shop, pattern: "[a-z0-9-]+", suffix: .acme.example}
    region: {about: the region, choices: {eu: eu., us: ""}, default: us}
    audience: {about: the API, optional: true}
  authorize:
    url: "https://{shop}.acme.example/authorize"
    scopes: [read]
    parameters: {audience: "{audience}"}
    pkce: required
  callback: {keep: {site: site}, signature: {parameter: mac}}
  token: {url: "https://{region}login.acme.example/token", parameters: {site: "{site}"}}
  answer: {keep: {home: {path: home_url, under: [acme.example]}, cell: {path: cell, pattern: "[a-z0-9]+"}}}
  after_exchange:
    url: "{home}/tenants"
    choose: {about: one of them, of: tenants}
    keep: {tenant: id}
  account: {source: api, url: "https://{cell}.acme.example/me", id: data.id, label: [data.name]}
  refresh: {style: rotating, needs: {scopes: [offline]}, lifetime_seconds: 3600}
  revoke: {url: "{home}/revoke", authentication: client_secret_basic}
  api: {base_url: "{home}/api", headers: {X-Tenant: "{tenant}"}}
"""
API = 'api: {base_url: "{home}/api"'

NOTICE = "{events: [gone], account: {account_id: id}}"

BREAKS = [
    # Hosts.
    ('"https://{shop}.', '"http://{shop}.', "oauth.authorize.url: begins with https://"),
    (
        '"https://{shop}.acme.example/authorize"',
        '"//{shop}.acme.example/a"',
        "oauth.authorize.url: begins with https://",
    ),
    ('"https://{region}login.', '"https://me@{region}login.', "oauth.token.url: has no host, or a user name before it"),
    ('"[a-z0-9-]+"', '"[^/]+"', "oauth.parameters.shop: stands in a URL, and needs a pattern that takes no @"),
    ('pattern: "[a-z0-9-]+", ', "", "oauth.authorize.url: the host is chosen by 'shop', which needs a pattern"),
    (
        "eu: eu.",
        "eu: evil.example/",
        "oauth.token.url: the host is chosen by 'region', which has choices that are no part",
    ),
    (", under: [acme.example]", "", "oauth.api.base_url: 'home' is not known to be a URL"),
    (', pattern: "[a-z0-9]+"}', "}", "oauth.account.url: the host is chosen by 'cell', which needs `under`"),
    ('{path: cell, pattern: "[a-z0-9]+"}', '{path: cell, pattern: ".+"}', "the host is chosen by 'cell', which needs"),
    ('"{home}/tenants"', '"{site}/tenants"', "oauth.after_exchange.url: 'site' is not known to be a URL"),
    ("[acme.example]", "[example]", "oauth.answer.keep.home.under.0: is no domain"),
    # Secrets.
    (
        '"{audience}"',
        '"{client_secret}"',
        "oauth.authorize.parameters: 'client_secret' stands in braces, and is not known",
    ),
    (
        "example/me",
        "example/me/{access_token}",
        "oauth.account.url: 'access_token' is a secret, and URLs stand in logs",
    ),
    (
        "    choose: {",
        '    query: {token: "{access_token}"}\n    choose: {',
        "oauth.after_exchange.authentication: the token stands among the parameters, so say who calls",
    ),
    # Names, and when they are known.
    ('"{site}"', '"{home}"', "oauth.token.parameters: 'home' stands in braces, and is not known at this step"),
    ('"{home}/tenants"', '"{home}/{tenant}"', "oauth.after_exchange.url: 'tenant' stands in braces, and is not known"),
    ("keep: {tenant: id}", "keep: {home: id}", "oauth.after_exchange.keep.home: is a name of the gateway's own, or"),
    ("keep: {site: site}", "keep: {client_id: site}", "oauth.callback.keep.client_id: is a name of the gateway's own"),
    ('{audience: "{audience}"}', "{}", "oauth.parameters.audience: stands in braces nowhere"),
    ("suffix: .acme.example}", "optional: true}", "oauth.parameters.shop: stands in a URL, and is not optional"),
    (
        "{site: site}",
        "{site: {path: s, replaces: shop}}",
        "oauth.keep.site: replaces 'shop', which is no parameter with",
    ),
    ("{tenant: id}", "{tenant: {path: id, replaces: region}}", "oauth.keep.tenant: replaces a parameter too late"),
    # Endpoints and grants.
    (
        'url: "https://{region}login.acme.example/token", ',
        "",
        "oauth.token.url: is needed where there is no `discovery`",
    ),
    (
        "token: {",
        "token: {authentication: discovered, ",
        "oauth.token.authentication: without `discovery` nothing tells",
    ),
    ("kind: oidc", "kind: oidc\n  issuer: {claims: {a: b}}", "oauth.issuer.claims: are for what `discovery` says"),
    ('url: "{home}/tenants"\n    choose', "choose", "oauth.after_exchange.url: is needed"),
    ("kind: oidc", "kind: oidc\n  check: {}", "oauth.check.url: is needed"),
    ("kind: oidc", "kind: oauth1", "oauth.request_token: is the first step of OAuth 1.0a"),
    ("kind: oidc", "kind: oidc\n  grants: {client_credentials: {}}", "oauth.authorize: belongs to the grant"),
    ("kind: oidc", "kind: oidc\n  grants: {authorization_code: {}, jwt_bearer: {}}", "jwt_bearer.assertion: is what"),
    (
        "kind: oidc",
        "kind: oidc\n  grants: {authorization_code: {}, device_code: {}}",
        "oauth.grants.device_code.url: is needed where there is no `discovery`",
    ),
    (
        'source: api, url: "https://{cell}.acme.example/me", id: data.id',
        "source: callback, id: place",
        "account.id: 'place'",
    ),
    ('base_url: "{home}/api"', 'is_signed: true, base_url: "{home}/api"', "oauth.api.is_signed: is for oauth1"),
    # Notices.
    ("kind: oidc", f"kind: oidc\n  ended_by: [{NOTICE}]", "oauth.ended_by: are webhooks, and without `webhook` none"),
    ("kind: oidc", f"kind: oidc\n  ended_by: [{NOTICE}, {NOTICE}]", "oauth.ended_by.events: 'gone' is there twice"),
    (
        "kind: oidc",
        "kind: oidc\n  ended_by: [{events: [a], account: {name: a}}]",
        "ended_by.account: 'name' is nothing",
    ),
    (
        "kind: oidc",
        "kind: oidc\n  ended_by: [{events: [a], account: {shop: a}, app: {shop: a}}]",
        "app: 'shop' is nothing",
    ),
    ("kind: oidc", "kind: oidc\n  ended_by: [{events: [a], account: {}}]", "account: Shorter than minimum length 1"),
    (
        "kind: oidc",
        'kind: oidc\n  ended_by: [{events: [a], account: {account_id: "header:X-A"}}]',
        "ended_by.0.account.account_id: is no JMESPath",
    ),
    (
        "kind: oidc",
        'kind: oidc\n  ended_by: [{events: [a], account: {shop: a}, at: "header:X A"}]',
        "is no header's name",
    ),
    ("style: rotating", "style: none", "oauth.refresh: where the style is none, there is nothing to say"),
    # Shape.
    ("source: api", "source: apis", "oauth.account.source: Must be one of: api,"),
    ("id: data.id", 'id: "data["', "oauth.account: is no JMESPath: "),
    ("source: api,", "source: id_token,", "oauth.account: a call for what id_token has without one"),
    ("source: api,", "source: graphql,", "oauth.account: `send` is for graphql and websocket"),
    ("source: api,", "source: token_prefix,", "oauth.account: `id` says where the id stands, but for token_prefix"),
    ("pkce: required", "pkse: required", "oauth.authorize.pkse: Unknown field. Did you mean `pkce`?"),
    ("style: rotating", "style: exchange", "oauth.refresh: `call` is the request of the style exchange"),
    ("revoke: {url", "revoke: {style: none, url", "oauth.revoke: there is no call where the style is none"),
    ("revoke: {url", "revoke: {style: form, url", "oauth.revoke.body: is needed"),
    (
        "client_secret_basic}",
        "client_secret_basic, authorization: Key}",
        "oauth.revoke: authorization: is sent instead",
    ),
    (
        "token: {",
        "token: {otherwise: client_secret_post, ",
        "oauth.token.otherwise: is for `authentication: discovered`",
    ),
    ("token: {", "token: {assertion: {}, ", "oauth.token.assertion: is for `authentication: private_key_jwt`"),
    ("default: us}", "default: xx}", "oauth.parameters.region.default: is not among the choices"),
    ("suffix: .acme.example}", "example: A_B}", "oauth.parameters.shop.example: does not match the pattern"),
    ("optional: true}", "optional: true, default: a}", "oauth.parameters.audience: optional: with a default"),
    ("{about: the API, optional: true}", "{about: the API, kind: url, pattern: a}", "a URL has no pattern"),
    ("by: [Acme's handbook]", "by: []", "oauth.evidence.by: Shorter than minimum length 1"),
    ("kind: oidc", "kind: oidc\n  access_lifetime: {seconds: 60, never: true}", "access_lifetime: says one of"),
    ("keep: {site: site}", "keep: {Site: site}", "is a name in lower case"),
]


def parsed(text: str) -> OAuth:
    oauth = parse_provider("acme", text, origin="acme.yaml").oauth
    assert oauth is not None
    return oauth


def test_the_entry_itself_is_right() -> None:
    oauth = parsed(ENTRY)
    assert list(oauth.kept) == ["site", "home", "cell", "tenant"]
    assert oauth.revoke is not None
    assert oauth.revoke.call is not None
    assert oauth.revoke.call.body == {"token": "{token}", "token_type_hint": "{token_type_hint}"}
    assert oauth.revoke.call.authentication == "client_secret_basic"
    assert oauth.account is not None
    assert oauth.check_call is oauth.account.call


@for_each(BREAKS, name=lambda one: one[2])
def test_fault(one: tuple[str, str, str]) -> None:
    old, new, said = one
    assert old in ENTRY
    with pytest.raises(CatalogueError) as caught:
        parsed(ENTRY.replace(old, new, 1))
    assert any(said in fault for fault in caught.value.faults), caught.value.faults
    assert not any("\n" in fault for fault in caught.value.faults)


def test_an_entry_with_it_alone_needs_no_other_evidence() -> None:
    provider = parse_provider("acme", ENTRY, origin="acme.yaml")
    assert (provider.sends_webhooks, provider.api, provider.docs) == (False, None, "")
    assert (provider.evidence.level, provider.evidence.by) == ("docs", ("Acme's handbook",))
    webhook = "webhook: {schemes: [{id: a, method: none}]}\n"
    with pytest.raises(CatalogueError) as caught:
        parse_provider("acme", ENTRY + webhook, origin="acme.yaml")
    assert {
        "acme.yaml: docs: Missing data for required field.",
        "acme.yaml: evidence: Missing data for required field.",
    } <= {*caught.value.faults}


ODD: tuple[object, ...] = (None, 5, True, "", "x{", "{a}{b}", "https://[", [], [5], {}, {"a": 5}, {"a": {"b": [1]}})


def leaves(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """The paths of all that is in a document."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from leaves(inner, (*path, key))


def test_whatever_stands_in_a_file_is_told_as_a_fault() -> None:
    right, tried = load_strictly(ENTRY), 0
    for path in leaves(right["oauth"]):
        # One of the odd values for each place, each of them many times.
        document = deepcopy(right)
        inner = document["oauth"]
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = ODD[tried % len(ODD)]
        tried += 1
        with suppress(CatalogueError):
            parsed(json.dumps(document))
    assert tried == 70


def test_with_discovery_endpoints_may_be_left_out() -> None:
    oauth = parsed("""\
name: Acme
category: tests
oauth:
  kind: oidc
  evidence: {level: ours, by: [us]}
  parameters: {issuer: {about: the issuer, kind: url}}
  discovery: "{issuer}/.well-known/openid-configuration"
  grants: {authorization_code: {}, device_code: {}}
  authorize: {scopes: [openid], pushed: {required: true}}
  token: {authentication: private_key_jwt, assertion: {algorithms: [ES256]}}
  issuer: {claims: {tenantid: tid}, in_callback: true}
  account: {source: id_token, id: sub, details: {}}
  revoke: {}
""")
    assert oauth.authorize is not None
    assert oauth.authorize.sends_pkce
    assert oauth.authorize.pushed is not None
    assert oauth.authorize.pushed.required
    assert oauth.token.assertion is not None
    assert oauth.token.assertion.lifetime_seconds == 300
    assert oauth.revoke is not None
    assert oauth.revoke.call is not None
    assert oauth.revoke.call.url is None
