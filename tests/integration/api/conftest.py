"""The API on a real database, with keys to ask it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.db.database import Database
from gateway.factory import create_app
from gateway.installation import Installation
from gateway.tenants.acting import act
from gateway.tenants.api_keys.management import KeyDraft, create_key, revoke_key
from gateway.tenants.models import DEFAULT_TENANT
from tests.services.acting import TESTER

PREFIX = "/api/v1"


@dataclass
class ApiUnderTest:
    """An application, and one key of its tenant `default` that may do everything there."""

    app: Flask
    installation: Installation
    clock: FakeClock
    key: str = field(default="", repr=False)

    @property
    def database(self) -> Database:
        return self.installation.database

    def make_key(
        self, name: str, *scopes: str, tenant: str = DEFAULT_TENANT, expires_in: timedelta | None = None
    ) -> str:
        """A key with these scopes, else `admin`."""
        with act(self.installation, actor=TESTER, tenant=tenant, write=True) as acting:
            return create_key(acting, KeyDraft(name, scopes or ("admin",), expires_in)).key

    def revoke(self, name: str) -> None:
        with act(self.installation, actor=TESTER, write=True) as acting:
            revoke_key(acting, name)

    def ask(self, method: str, path: str, *, key: str | None = None, address: str = "", **request: Any) -> TestResponse:
        """One request with the key; headers and the rest as werkzeug's client takes them."""
        headers = {"Authorization": f"Bearer {key or self.key}"} | request.pop("headers", {})
        environ = {"REMOTE_ADDR": address} if address else {}
        return self.app.test_client().open(
            PREFIX + path, method=method, headers=headers, environ_base=environ, **request
        )

    def get(self, path: str, **request: Any) -> TestResponse:
        return self.ask("GET", path, **request)

    def post(self, path: str, document: object = None, **request: Any) -> TestResponse:
        body = {} if document is None else {"json": document}
        return self.ask("POST", path, **body, **request)

    def add_source(self, slug: str = "github", **request: Any) -> TestResponse:
        document = {"slug": slug, "provider": "github", "generate_secret": True}
        return self.post("/sources", document, **request)


def code(response: TestResponse) -> tuple[int, str]:
    """Status and code of a problem."""
    assert response.content_type == "application/problem+json", response.data
    document = response.get_json()
    assert document["status"] == response.status_code
    assert document["request_id"] == response.headers["X-Request-Id"]
    return response.status_code, document["code"]


def faults(response: TestResponse) -> dict[str, str]:
    """The faults of a problem: where, and their code."""
    return {one.get("pointer", one.get("parameter")): one["code"] for one in response.get_json()["errors"]}


@pytest.fixture
def api(settings: Settings, fake_clock: FakeClock) -> Iterator[ApiUnderTest]:
    with Installation(settings, clock=fake_clock) as installation:
        made = ApiUnderTest(create_app(installation), installation, fake_clock)
        made.key = made.make_key("tester")
        yield made
