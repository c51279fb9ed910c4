"""Sources of before, which would take what strangers or a vendor's other customers send: out of order, alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.clock import from_us
from gateway.out_of_order import OutOfOrderCode
from gateway.tenants.models import DEFAULT_TENANT_ID
from gateway.webhooks.sources.changes import SourceChange
from gateway.webhooks.sources.management import change_source
from gateway.webhooks.sources.models import Source
from gateway.webhooks.sources.search import show_source
from gateway.webhooks.sources.summary import SourceSummary
from tests.integration.webhooks.conftest import GatewayUnderTest, code
from tests.services.slugs import UNGUESSABLE
from tests.unit.verification.conftest import VALID

on_one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _store(gateway: GatewayUnderTest, slug: str, provider: str, **values: Any) -> None:
    """A row as versions before would have written it."""
    now = from_us(gateway.clock.now_us())
    fields = {
        "scheme": None,
        "options": {},
        "allowed_ips": [],
        "rate_per_second": None,
        "pending_handshake": False,
        "created_at": now,
        "updated_at": now,
    }
    with gateway.database.tenant_session(DEFAULT_TENANT_ID, write=True) as session:
        session.add(Source(id=f"src_{provider}", slug=slug, provider=provider, **(fields | values)))


def _shown(gateway: GatewayUnderTest, slug: str) -> SourceSummary:
    with gateway.acting(write=False) as acting:
        return show_source(acting, slug)


@on_one_database
@pytest.mark.parametrize(
    ("slug", "provider", "is_pending", "found"),
    [
        ("sns", "aws-sns", False, OutOfOrderCode.OPTION_MISSING),
        ("wise", "wise", False, OutOfOrderCode.ADDRESS_GUESSABLE),
        ("tasks", "asana", True, OutOfOrderCode.ADDRESS_GUESSABLE),
        ("tasks", "asana", False, None),
        (UNGUESSABLE, "wise", False, None),
        (UNGUESSABLE, "asana", True, None),
    ],
)
def test_what_is_bound_to_nobody_is_out_of_order(
    gateway: GatewayUnderTest, slug: str, provider: str, is_pending: bool, found: OutOfOrderCode | None
) -> None:
    _store(gateway, slug, provider, pending_handshake=is_pending)
    gateway.source("github", "github", "another, which lives")
    out_of_order = _shown(gateway, slug).out_of_order
    assert (out_of_order.code if out_of_order else None) == found
    answer = gateway.client.post(f"/webhooks/{slug}", data=b"{}", headers={"X-Hook-Secret": "a" * 64})
    if found is None:
        assert answer.status_code == (200 if is_pending else 401)
    else:
        assert (answer.status_code, code(answer)) == (503, "source_out_of_order")
        assert answer.headers["Retry-After"]
    assert gateway.github(secret="another, which lives").status_code == 200


def test_the_option_brings_it_back(gateway: GatewayUnderTest) -> None:
    _store(gateway, "sns", "aws-sns")
    assert gateway.client.post("/webhooks/sns", data=b"{}").status_code == 503
    with gateway.acting() as acting:
        change_source(acting, "sns", SourceChange(options={"topic_arn": "arn:aws:sns:us-east-1:123456789012:T"}))
    gateway.refresh()
    assert gateway.client.post("/webhooks/sns", data=b"{}").status_code == 401
    assert _shown(gateway, "sns").out_of_order is None


def test_a_key_set_that_the_operator_gave_verifies(gateway: GatewayUnderTest) -> None:
    [vector] = [one for one in VALID if one.provider.id == "plaid"]
    gateway.clock.jump(vector.now - gateway.clock.now_us() / 1_000_000)
    gateway.source(UNGUESSABLE, "plaid", credentials={"jwks": json.dumps(vector.credentials.jwks)})
    url, request = f"/webhooks/{UNGUESSABLE}", vector.request
    assert gateway.client.post(url, data=request.body, headers=request.headers).status_code == 200
    assert gateway.client.post(url, data=request.body + b" ", headers=request.headers).status_code == 401
