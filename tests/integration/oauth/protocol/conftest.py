"""An app at the provider of the tests, and what speaks to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.oauth.protocol.http import ProviderHttp
from gateway.outgoing.resolver import SystemResolver
from gateway.security.ssrf import AddressPolicy


@pytest.fixture
def http() -> Iterator[ProviderHttp]:
    """Loopback is allowed."""
    made = ProviderHttp(SystemResolver(), AddressPolicy(allow_private=True))
    yield made
    made.close()
