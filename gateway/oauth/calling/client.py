"""A ready client for the API of a connection."""

from __future__ import annotations

from typing import Any

from gateway.clients.client import ApiClient
from gateway.clients.described.client import DescribedClient, DescribedResource
from gateway.clients.described.parts import base_url_of
from gateway.errors import InvalidInput, NotFound
from gateway.installation import Installation
from gateway.oauth.calling.connected import Connected
from gateway.oauth.calling.observing import observers_of
from gateway.providers.api.model import Api


class ConnectedClient(ApiClient):
    """An `ApiClient` with the credentials of a connection; `resource("contacts")` has the lists that the catalogue
    describes.
    """

    def __init__(self, base_url: str, api: Api | None, **options: Any) -> None:
        super().__init__(base_url, **options)
        self._api = api
        self._options = options

    def resource(self, name: str) -> DescribedResource:
        """One of the API's lists. Raises `NotFound`, with those that there are; `InvalidInput` where a list is of
        another service, whose URL needs a parameter.
        """
        if self._api is None:
            raise NotFound(f"the catalogue describes no lists of {self.system}")
        found = self._api.resources.get(name)
        services = {}
        if found is not None and found.service is not None:
            services[found.service] = ApiClient(base_url_of(self._api, {}, found.service), **self._options)
        return DescribedClient(self._api, self, services).resource(name)


def client_of(installation: Installation, connected: Connected, **options: Any) -> ConnectedClient:
    """A client whose calls share what `connected` has; `options` are those of `ApiClient`.

    Raises `InvalidInput` where the catalogue does not say where the API is.
    """
    opened, plan, api = connected.opened, connected.opened.plan, connected.opened.provider.api
    given: dict[str, Any] = {
        "auth": plan.auth,
        "rate_limit": connected.limit,
        "breaker": connected.breaker,
        "judge": connected.judge,
        "system": opened.provider.id,
        "headers": plan.headers,
        "idempotency_header": None if api is None else api.idempotency_header,
        "allow_http": installation.policy.allow_private,
        "policy": installation.policy,
        "resolver": installation.resolver,
        "clock": installation.clock,
        "observers": observers_of(installation),
    }
    return ConnectedClient(require_base_url(connected), api, **given | options)


def require_base_url(connected: Connected) -> str:
    """Where the connection's API is. Raises `InvalidInput` where the catalogue does not say."""
    found = connected.opened.plan.base_url
    if found is None:
        raise InvalidInput(f"the catalogue does not say where the API of {connected.opened.provider.id} is")
    return found
