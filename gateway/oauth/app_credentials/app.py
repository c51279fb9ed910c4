"""App credentials as calls to their provider need them: the row, its secrets, and the provider's entry.

What is said to the provider is `oauth.protocol`'s matter.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from gateway.errors import InvalidInput
from gateway.installation import Installation
from gateway.oauth import vault
from gateway.oauth.models import AppCredentials
from gateway.oauth.protocol.values import App
from gateway.providers import Provider
from gateway.providers.oauth.hosts import redirect_path, server_parameters
from gateway.providers.oauth.model import OAuth
from gateway.providers.oauth.parameters import FIELD, completed
from gateway.providers.oauth.templates import filled


def load_app(
    session: Session,
    installation: Installation,
    row: AppCredentials,
    *,
    parameters: Mapping[str, str] | None = None,
) -> App:
    """The app of `row`, whose secrets are read in `session`. `parameters` are a connection's or a flow's own, over the
    app's.

    Raises `InvalidInput` where the catalogue has no such entry any more, where parameters are missing or wrong, or
    where `parameters` would choose another authorization server than the app's; `DecryptionFailed`.
    """
    secrets = vault.read(session, installation.keyring, row.id)
    return made_app(installation, row, secrets, parameters=parameters)


def made_app(
    installation: Installation,
    row: AppCredentials,
    secrets: Mapping[str, str],
    *,
    parameters: Mapping[str, str] | None = None,
) -> App:
    """The same where the secrets, by field, have been read already. Needs no database."""
    provider, oauth = entry_of(installation, row.provider)
    given = parameters or {}
    _require_own_server(row, oauth, given)
    base_url = gateway_url(installation)
    return App(
        id=row.id,
        name=row.name,
        provider=provider.id,
        oauth=oauth,
        client_id=client_id(oauth, row.client_id, base_url),
        secrets=secrets,
        parameters=completed(
            oauth.parameters, {**row.parameters, **given}, plain_http=installation.policy.allow_private
        ),
        redirect_uri=redirect_uri(installation, provider.id, oauth, row.id),
        gateway_url=base_url,
    )


def entry_of(installation: Installation, provider_id: str) -> tuple[Provider, OAuth]:
    """The provider of this id, and its section `oauth`. Raises `InvalidInput` where there is none."""
    provider = installation.provider(provider_id)
    if provider is None:
        raise InvalidInput.at("provider", "unknown", f"the catalogue has no provider {provider_id!r} any more")
    if provider.oauth is None:
        message = f"the catalogue does not say how accounts of {provider.name} are connected by OAuth"
        raise InvalidInput.at("provider", "not_taken", message)
    return provider, provider.oauth


def redirect_uri(installation: Installation, provider_id: str, oauth: OAuth, app_id: str) -> str:
    """The callback's URL, as it is registered at the provider: from the configured base URL, never from a request."""
    return gateway_url(installation) + redirect_path(provider_id, oauth, app_id)


def gateway_url(installation: Installation) -> str:
    """The gateway's public URL, without a slash at its end."""
    return installation.settings.base_url.rstrip("/")


def client_id(oauth: OAuth, stored: str, base_url: str) -> str:
    """The client id: the entry's own where nobody registers, else what the vendor gave."""
    if oauth.client.id is None:
        return stored
    return filled(oauth.client.id, {"gateway_url": base_url}) or stored


def _require_own_server(row: AppCredentials, oauth: OAuth, given: Mapping[str, str]) -> None:
    """The secret of an app goes to the server that it was made at, whatever somebody connects."""
    for name in sorted(server_parameters(oauth) & given.keys()):
        parameter = oauth.parameters[name]
        own = row.parameters.get(name, parameter.default or "")
        # A connection's are completed, the app's as they were given.
        if given[name].removesuffix(parameter.suffix) != own.removesuffix(parameter.suffix):
            message = f"{name} chooses the authorization server: only the app credentials can say it"
            raise InvalidInput.at(f"{FIELD}.{name}", "not_taken", message)
