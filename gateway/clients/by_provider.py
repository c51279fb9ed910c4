"""A client by the name of a provider, as the catalogue describes it. What executes descriptions stands above, and is
looked up when somebody asks.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.clients.auth.base import Auth, TokenSource
from gateway.deferred import deferred

if TYPE_CHECKING:
    from gateway.clients.described.client import DescribedClient

_described = deferred("gateway.clients.described.client")


class ByProvider:
    """What makes clients of descriptions."""

    @classmethod
    def for_provider(
        cls,
        provider: str,
        credential: str | Auth | TokenSource | None = None,
        *,
        providers_dir: Path | None = None,
        **options: Any,
    ) -> DescribedClient:
        """A client for a provider of the catalogue, which knows its lists: `resource("contacts").records()`.

        `providers_dir` has entries of your own; the options are those of `DescribedClient.for_api`. Raises `NotFound`,
        `InvalidInput`, and `ConfigurationError` for own entries that cannot be used.
        """
        found: DescribedClient = _described.client_for(provider, credential, providers_dir=providers_dir, **options)
        return found
