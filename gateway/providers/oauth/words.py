"""The words of the section `oauth`, with what each means: what the schema takes, pages say, and a flow goes by."""

from __future__ import annotations

from collections.abc import Mapping

IN_METADATA: Mapping[str, str] = {
    "account": "userinfo_endpoint",
    "account.details": "userinfo_endpoint",
    "authorize": "authorization_endpoint",
    "authorize.pushed": "pushed_authorization_request_endpoint",
    "grants.device_code": "device_authorization_endpoint",
    "introspection": "introspection_endpoint",
    "revoke": "revocation_endpoint",
    "token": "token_endpoint",
}
"""Where the URL of each request stands in the provider's metadata (RFC 8414), when the entry has none."""

KINDS: Mapping[str, str] = {
    "oauth2": "OAuth 2.0",
    "oidc": "OpenID Connect: with the scope `openid`, an ID token comes along",
    "oauth1": "OAuth 1.0a: requests are signed, and a request token stands in for the state",
}

GRANTS: Mapping[str, str] = {
    "authorization_code": "a person agrees in a browser",
    "device_code": "a person enters a code at the provider, on any machine with a browser (RFC 8628)",
    "client_credentials": "the app credentials alone",
    "jwt_bearer": "a signed assertion, as a service account has it (RFC 7523)",
}

AUTHENTICATION: Mapping[str, str] = {
    "client_secret_basic": "Basic: client id and secret, each form-encoded",
    "client_secret_post": "client id and secret among the parameters",
    "private_key_jwt": "an assertion that is signed with the client's key",
    "secret_only": "the secret among the parameters, without the client id",
    "none": "the client id among the parameters, and no secret",
    "discovered": "the way that the metadata name",
}

PKCE: Mapping[str, str] = {
    "unknown": "S256; whether the provider has it was not verified",
    "supported": "S256",
    "required": "S256, which the provider insists on",
    "avoid": "not sent: others switch it off here",
    "unsupported": "not sent: the provider has none",
}
WITHOUT_PKCE = frozenset({"avoid", "unsupported"})

REFRESH: Mapping[str, str] = {
    "unknown": "not known: whatever comes is stored, and without a new refresh token the old one is kept",
    "none": "there is no refresh token",
    "none_needed": "no refresh token is needed: the access token does not end",
    "static": "the refresh token stays the same",
    "rotating": "each refresh token is good for one use, and a new one comes with every answer",
    "maybe_rotating": "a new refresh token may come with any answer, and then replaces the old one",
    "rotating_lenient": "a new refresh token comes with every answer, and the old one stays good",
    "exchange": "there is no refresh token: the access token is swapped for a newer one while it is good",
    "server_setting": "the server's settings say whether refresh tokens rotate",
    "none_or_rotating": "the app's settings say whether there is a refresh token; each is good for one use",
    "none_or_unknown": "a refresh token may be missing; how it changes is not known",
    "static_or_rotating": "the refresh token stays the same, or rotates where the flow goes without a secret",
    "partners_only": "only apps that the provider approved get a refresh token",
}
NEVER_REFRESHED = frozenset({"none", "none_needed"})
SINGLE_USE = frozenset({"rotating", "none_or_rotating"})

REVOCATION: Mapping[str, str] = {
    "rfc7009": "the token, as the client (RFC 7009)",
    "token_only": "the token, without saying which client",
    "token_and_client_id": "the token and the client id",
    "token_and_client_secret": "the token, the client id and the secret",
    "bearer": "a call that the access token itself authenticates",
    "json": "a JSON document, as the client",
    "form": "a form of its own",
    "json_or_form": "the token as JSON or a form, as the client",
    "none": "the provider has no revocation",
}

EXPIRY: Mapping[str, str] = {
    "seconds": "seconds from now",
    "may_be_missing": "seconds from now; where that is missing, it does not end",
    "missing": "not told",
    "missing_or_zero": "not told, or 0, and then it does not end",
    "absolute_iso": "an ISO 8601 time",
}

ACCOUNT: Mapping[str, str] = {
    "api": "a call of its API",
    "graphql": "a GraphQL query",
    "websocket": "a command over a WebSocket",
    "introspection": "introspection of the token",
    "id_token": "the ID token",
    "token": "the token answer",
    "token_prefix": "the access token, before its first dot",
    "callback": "the callback's query",
    "parameter": "a parameter of the connection",
}
ASKED_BY_A_CALL = frozenset({"api", "graphql", "websocket"})

EVIDENCE = ("run", "docs", "secondary", "single", "ours")
