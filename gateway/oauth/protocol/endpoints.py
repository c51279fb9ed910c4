"""Where a provider's requests go: by its metadata (RFC 8414, OpenID Connect Discovery 1.0), else by its entry."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.clock import Clock
from gateway.oauth.protocol import names
from gateway.oauth.protocol.documents import Document, documents_of
from gateway.oauth.protocol.errors import ProviderAnswerInvalid
from gateway.oauth.protocol.http import Http
from gateway.oauth.protocol.values import App, Endpoints
from gateway.providers.oauth.hosts import chooses_server, url_fault
from gateway.providers.oauth.model import OAuth
from gateway.providers.oauth.templates import filled, named, url_of
from gateway.providers.oauth.words import IN_METADATA

NOTHING: Mapping[str, str] = {}
WELL_KNOWN = "/.well-known/"
JWKS = "jwks_uri"
SIGNING_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Those that ID tokens are taken with: by a key of the provider's, never `none` and never by a shared secret."""
_BY_DISCOVERY = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")


def endpoints(app: App, http: Http, clock: Clock, *, kept: Mapping[str, str] = NOTHING) -> Endpoints:
    """Where the requests of `app` go. `kept` is what is known from the callback, or of a connection.

    `token` is empty where its URL names something kept that is not known yet. Raises `ProviderUnavailable`, and
    `ProviderAnswerInvalid` for metadata that cannot be trusted.
    """
    app = names.with_kept(app, kept)
    oauth, known = app.oauth, {**kept, **names.at_start(app)}
    if oauth.discovery is None:
        return _endpoints(app, known, {})
    url = url_of(oauth.discovery, known)
    metadata = documents_of(http, clock).get(url)
    _check_issuer(oauth, metadata, url, filled(oauth.issuer.value, known) if oauth.issuer.value else None)
    for key in (*IN_METADATA.values(), JWKS):
        if (fault := _endpoint_fault(metadata.get(key))) is not None:
            raise ProviderAnswerInvalid(f"the provider's metadata at {url} cannot be used: {key} {fault}")
    if oauth.token.url is None and metadata.get(IN_METADATA["token"]) is None:
        raise ProviderAnswerInvalid(f"the provider's metadata at {url} name no token_endpoint")
    return _endpoints(app, known, metadata)


def _endpoints(app: App, known: Mapping[str, str], metadata: Document) -> Endpoints:
    oauth = app.oauth
    found = {key: metadata.get(IN_METADATA[key]) or _url(url, known) for key, url in _urls(oauth)}
    account = metadata.get(IN_METADATA["account"])
    return Endpoints(
        token=found["token"] or "",
        authorize=found["authorize"],
        pushed=found["authorize.pushed"] if _pushes(oauth, metadata) else None,
        device=found["grants.device_code"],
        revoke=found["revoke"],
        userinfo=account if isinstance(account, str) else None,
        introspection=found["introspection"],
        jwks=metadata.get(JWKS),
        issuer=filled(oauth.issuer.value, known) if oauth.issuer.value else metadata.get("issuer"),
        sends_iss=oauth.issuer.in_callback or metadata.get("authorization_response_iss_parameter_supported") is True,
        token_authentication=_authentication(app, metadata),
        algorithms=_algorithms(metadata),
        scopes=_texts(metadata, "scopes_supported"),
    )


def _urls(oauth: OAuth) -> Iterator[tuple[str, str | None]]:
    """The URL of each request as the entry has it, by the keys of `IN_METADATA`."""
    authorize, device = oauth.authorize, oauth.grants.get("device_code")
    pushed = authorize.pushed if authorize is not None else None
    revoke = oauth.revoke.call if oauth.revoke is not None else None
    yield "token", oauth.token.url
    yield "authorize", authorize.url if authorize is not None else None
    yield "authorize.pushed", pushed.url if pushed is not None else None
    yield "grants.device_code", device.url if device is not None else None
    yield "revoke", revoke.url if revoke is not None else None
    yield "introspection", oauth.introspection.call.url if oauth.introspection is not None else None


def _url(template: str | None, known: Mapping[str, str]) -> str | None:
    """The URL, None where it names what is known only later."""
    if template is None or not known.keys() >= set(named(template)):
        return None
    return url_of(template, known)


def _pushes(oauth: OAuth, metadata: Document) -> bool:
    """Whether requests are pushed (RFC 9126): where the entry says so, or the server refuses others."""
    by_entry = oauth.authorize is not None and oauth.authorize.pushed is not None
    return by_entry or metadata.get("require_pushed_authorization_requests") is True


def _check_issuer(oauth: OAuth, metadata: Document, url: str, expected: str | None) -> None:
    """That the metadata are those of whom they were asked of (RFC 8414, 3.3), so that nobody speaks for another.

    Where the vendor's own host was asked, its host suffices: Microsoft's issuer names a tenant that nobody typed.
    """
    issuer = metadata.get("issuer")
    if not isinstance(issuer, str) or not issuer:
        raise ProviderAnswerInvalid(f"the provider's metadata at {url} name no issuer")
    if expected is not None:
        is_right = issuer == expected
    elif chooses_server(oauth):
        # A slash at the issuer's end is not in the metadata's URL (OpenID Connect Discovery, 4.1).
        is_right = issuer.removesuffix("/") == url.partition(WELL_KNOWN)[0]
    else:
        is_right = _origin(issuer) == _origin(url)
    if not is_right:
        raise ProviderAnswerInvalid(f"the provider's metadata at {url} are those of another issuer, {issuer[:200]!r}")


def _origin(url: str) -> str:
    """Scheme and host, with its port."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{re.split(r'[/?#]', rest, maxsplit=1)[0].lower()}"


def _endpoint_fault(url: Any) -> str | None:
    """What is wrong with an endpoint of metadata; it may be missing, and may have a query (RFC 6749, 3.1)."""
    if url is None:
        return None
    if not isinstance(url, str) or "#" in url:
        return "is no URL"
    return url_fault(url.partition("?")[0], plain_http=True)


def _authentication(app: App, metadata: Document) -> str:
    """How the client says who it is at the token endpoint."""
    token = app.oauth.token
    if token.authentication != "discovered":
        return token.authentication
    if not app.secrets:
        return "none"
    offered = _texts(metadata, "token_endpoint_auth_methods_supported")
    if offered is None:
        return token.otherwise
    can = {"private_key_jwt"} if app.client_secret is None else {"client_secret_basic", "client_secret_post"}
    found = next((one for one in _BY_DISCOVERY if one in offered and one in can), None)
    if found is None:
        raise ProviderAnswerInvalid(
            "the provider's metadata offer no way of client authentication for what this app has: "
            f"they offer {', '.join(sorted(offered))[:200] or 'none'}"
        )
    return found


def _algorithms(metadata: Document) -> tuple[str, ...]:
    """Those of the metadata that are taken; RS256 where they do not say (OpenID Connect Core, 15.1)."""
    offered = _texts(metadata, "id_token_signing_alg_values_supported")
    return ("RS256",) if offered is None else tuple(one for one in SIGNING_ALGORITHMS if one in offered)


def _texts(metadata: Document, key: str) -> tuple[str, ...] | None:
    """A list of the metadata; None where it is missing."""
    value = metadata.get(key)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else None
