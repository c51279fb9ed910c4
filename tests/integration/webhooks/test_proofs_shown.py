"""What is shown of a request that was kept: never the header that proves it, whatever its name."""

from __future__ import annotations

import pytest

from gateway.events.search import show_event
from gateway.security.redaction import REDACTED
from gateway.webhooks.rejections.search import show_rejection
from tests.integration.webhooks.conftest import GatewayUnderTest

TOKEN = "hunter2-of-these-tests"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_token_with_a_harmless_name_is_not_shown(gateway: GatewayUnderTest) -> None:
    gateway.source("cf", "cloudflare-notifications", TOKEN)
    assert gateway.client.post("/webhooks/cf", headers={"cf-webhook-auth": TOKEN}, json={}).status_code == 200
    assert gateway.client.post("/webhooks/cf", headers={"cf-webhook-auth": f"{TOKEN}x"}, json={}).status_code == 401
    [event], [rejection] = gateway.events(), gateway.rejections()
    with gateway.acting(write=False) as acting:
        for shown in (show_event(acting, event.id), show_rejection(acting, rejection.id)):
            headers = {name.lower(): value for name, value in shown.headers}
            assert headers["cf-webhook-auth"] == REDACTED
            assert TOKEN not in str(shown.headers)
