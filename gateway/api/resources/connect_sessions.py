"""`/connect-sessions`: one-time URLs at which customers connect their accounts, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.declaring import Resource
from gateway.db.paging import Page, PageRequest
from gateway.oauth.flows.sessions import management, search
from gateway.oauth.flows.sessions.draft_schema import ConnectSessionDraftSchema, connect_session_draft
from gateway.oauth.flows.sessions.management import MadeConnectSession
from gateway.oauth.flows.sessions.schema import (
    ConnectSessionQuerySchema,
    ConnectSessionSchema,
    MadeConnectSessionSchema,
)
from gateway.oauth.flows.sessions.summary import ConnectSessionSummary
from gateway.tenants.acting import Acting
from gateway.tenants.api_keys.scopes import Scope

READ, WRITE = Scope.CONNECTIONS_READ, Scope.CONNECTIONS_WRITE
PENDING: Mapping[str, Any] = {
    "id": "cs_06bk7e8v3s9p41pf7j0q5m2c8g",
    "state": "pending",
    "outcome": None,
    "detail": None,
    "connection": None,
    "app_credentials": "github-app",
    "provider": "github",
    "scopes": ["repo"],
    "parameters": {},
    "return_to": "https://app.example.com/integrations",
    "reconnect": None,
    "reference": "customer-42",
    "theme": {"accent": "#7a3cff", "title": "Example Inc."},
    "embed": False,
    "asker_kind": "api_key",
    "asker_id": "key_06bk7e8v3s9p41pf7j0q5m2c8g",
    "asker_name": "app",
    "created_at": "2026-11-27T12:00:00.000Z",
    "opened_at": None,
    "expires_at": "2026-11-27T12:10:00.000Z",
}
CONNECTED: Mapping[str, Any] = {
    **PENDING,
    "state": "connected",
    "outcome": "connected",
    "connection": "conn_06bk7e8v3s9p41pf7j0q5m2c8g",
    "opened_at": "2026-11-27T12:00:05.000Z",
}
URL = "https://gateway.example.com/oauth/github/login?session=kq4uYzJ0mX1c6bqkq9l0nS6hZy0m3m0Tn9v3v5o2d1A"

resource = Resource("connect-sessions", "One-time URLs at which your customers connect their accounts.")


@resource.list(
    "/connect-sessions", scope=READ, query=ConnectSessionQuerySchema, answer=ConnectSessionSchema, example=CONNECTED
)
def list_connect_sessions(acting: Acting, query: Mapping[str, Any], page: PageRequest) -> Page[ConnectSessionSummary]:
    """List connect sessions, newest first.

    They are forgotten a week after their end.
    """
    return search.find_connect_sessions(acting, page, reference=query.get("reference"))


@resource.post(
    "/connect-sessions",
    scope=WRITE,
    body=ConnectSessionDraftSchema,
    body_example={
        "app_credentials": "github-app",
        "scopes": ["repo"],
        "return_to": "https://app.example.com/integrations",
        "reference": "customer-42",
        "theme": {"accent": "#7a3cff", "title": "Example Inc."},
    },
    answer=MadeConnectSessionSchema,
    status=201,
    example={**PENDING, "url": URL},
)
def make_connect_session(acting: Acting, body: Mapping[str, Any]) -> MadeConnectSession:
    """Make a one-time URL for one of your customers.

    Send the customer's browser to `url`, which is in this answer only and works once, for 10 minutes. In the end the
    browser is at `return_to`, with `connection` and `status=connected`, or with `error` and a code.
    """
    return management.make_connect_session(acting, connect_session_draft(body))


@resource.get("/connect-sessions/<session>", scope=READ, answer=ConnectSessionSchema, example=CONNECTED)
def show_connect_session(acting: Acting, session: str) -> ConnectSessionSummary:
    """Show how far a customer has come."""
    return search.show_connect_session(acting, session)
