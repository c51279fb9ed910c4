"""Which scopes are asked for, and in which parameter each goes. Pure.

A scope for another parameter than `scope` is written with that parameter's name: `user_scope=chat:write` at Slack,
`optional_scope=tickets` at HubSpot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.oauth.protocol.values import Endpoints
from gateway.providers.oauth.model import Authorize, OAuth

SCOPE = "scope"


def asked_for(oauth: OAuth, endpoints: Endpoints, scopes: Iterable[str]) -> tuple[str, ...]:
    """`scopes`, and those without which there is no refresh token, each once.

    The latter are left out where the server lists its scopes without them: it would refuse the whole request.
    """
    needed = oauth.refresh.needs.scopes if oauth.refresh.is_possible else ()
    offered = [one for one in needed if endpoints.scopes is None or one in endpoints.scopes]
    return tuple(dict.fromkeys((*scopes, *offered)))


def by_parameter(authorize: Authorize, scopes: Iterable[str]) -> Mapping[str, str]:
    """The parameters of the authorization request that carry `scopes`; none for no scopes."""
    others = {one for one in (authorize.user_scopes_parameter, authorize.optional_scopes_parameter) if one is not None}
    divided: dict[str, list[str]] = {}
    for scope in scopes:
        parameter, separator, rest = scope.partition("=")
        if separator and parameter in others:
            divided.setdefault(parameter, []).append(rest)
        else:
            divided.setdefault(SCOPE, []).append(scope)
    return {name: authorize.scope_separator.join(dict.fromkeys(found)) for name, found in divided.items()}
