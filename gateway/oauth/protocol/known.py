"""What templates of an entry may name once there are secrets: of an app, and of a connection. Pure.

These values are for requests alone. What stands in front of people is made of others, without secrets.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.oauth.protocol.names import at_start, with_kept
from gateway.oauth.protocol.values import App, Tokens

NOTHING: Mapping[str, str] = {}
KEPT = "kept."
"""What the vault's fields of sealed kept values begin with."""
_NAMED = ("access_token", "refresh_token")


def known(
    app: App,
    *,
    kept: Mapping[str, str] = NOTHING,
    secrets: Mapping[str, str] = NOTHING,
    account_id: str | None = None,
) -> dict[str, str]:
    """The values by name. `secrets` are those of the connection, by the vault's fields; sealed kept values are among
    them. Kept values stand in the place of the parameters that they replace.
    """
    values = at_start(with_kept(app, kept))
    if app.client_secret is not None:
        values["client_secret"] = app.client_secret
    values |= {name.removeprefix(KEPT): value for name, value in secrets.items() if name.startswith(KEPT)}
    values |= kept
    values |= {name: secrets[name] for name in _NAMED if name in secrets}
    if account_id is not None:
        values["account_id"] = account_id
    return values


def known_of(app: App, tokens: Tokens, *, kept: Mapping[str, str] = NOTHING) -> dict[str, str]:
    """The same right after an exchange. `kept` was kept before it, of the callback."""
    secrets = {"access_token": tokens.access_token}
    if tokens.refresh_token is not None:
        secrets["refresh_token"] = tokens.refresh_token
    return known(app, kept={**kept, **tokens.kept, **tokens.secret_kept}, secrets=secrets)
