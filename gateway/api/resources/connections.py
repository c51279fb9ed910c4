"""`/connections`: accounts at providers that were connected, and how they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from gateway.api.declaring import Forwarded, Forwarding, Resource
from gateway.db.paging import Page, PageRequest
from gateway.oauth.adding.draft_schema import ConnectionDraftSchema, connection_draft
from gateway.oauth.adding.management import add_connection as add
from gateway.oauth.calling.token_reading import ToldToken, tell_token
from gateway.oauth.connections import search
from gateway.oauth.connections.schema import ConnectionSchema, ToldTokenSchema
from gateway.oauth.connections.search import ConnectionSearch
from gateway.oauth.connections.summary import ConnectionSummary
from gateway.oauth.ending.revoking import revoke
from gateway.oauth.proxy.forwarding import Passing, forward
from gateway.oauth.refreshing.by_hand import refresh_by_hand
from gateway.oauth.states import ConnectionState
from gateway.oauth.trying import management as trying
from gateway.oauth.trying.management import TestedConnection
from gateway.oauth.trying.schema import TestedConnectionSchema
from gateway.tenants.acting import Acting, Transactions
from gateway.tenants.api_keys.scopes import Scope

READ, WRITE = Scope.CONNECTIONS_READ, Scope.CONNECTIONS_WRITE
OCTOCAT: Mapping[str, Any] = {
    "id": "conn_06bk7e8v3s9p41pf7j0q5m2c8g",
    "provider": "github",
    "app_credentials": "github-app",
    "way": "authorization_code",
    "state": "connected",
    "reason": None,
    "detail": None,
    "reference": "customer-17",
    "account": {"id": "583231", "label": "octocat"},
    "scopes_asked": ["repo"],
    "scopes_granted": ["repo"],
    "scopes_missing": [],
    "parameters": {},
    "kept": {},
    "access_expires_at": "2026-11-27T20:00:00.000Z",
    "refresh_expires_at": "2027-05-27T12:00:00.000Z",
    "refresh_at": "2026-11-27T18:24:00.000Z",
    "refreshed_at": None,
    "connected_at": "2026-11-27T12:00:00.000Z",
    "created_at": "2026-11-27T12:00:00.000Z",
    "updated_at": "2026-11-27T12:00:00.000Z",
    "revoked_at": None,
}
BY_KEY: Mapping[str, Any] = {
    **OCTOCAT,
    "provider": "hubspot",
    "app_credentials": None,
    "way": "api_key",
    "reason": "untested",
    "detail": "it was stored without a test",
    "account": {"id": None, "label": None},
    "scopes_asked": [],
    "scopes_granted": None,
    "access_expires_at": None,
    "refresh_expires_at": None,
    "refresh_at": None,
}
REFRESHED: Mapping[str, Any] = {**OCTOCAT, "refreshed_at": "2026-11-27T12:30:00.000Z"}
REVOKED: Mapping[str, Any] = {
    **OCTOCAT,
    "state": "revoked",
    "reason": "by_hand",
    "access_expires_at": None,
    "refresh_expires_at": None,
    "refresh_at": None,
    "revoked_at": "2026-11-27T12:30:00.000Z",
}

resource = Resource("connections", "Accounts at providers that an application's customers connected.")


class ConnectionFilterSchema(Schema):
    """Which connections; what is left out may be anything."""

    state = fields.String(validate=validate.OneOf([str(state) for state in ConnectionState]))
    provider = fields.String()
    reference = fields.String(metadata={"description": "What the application calls its customer."})
    app_credentials = fields.String(metadata={"description": "Name or id."})


class RevocationQuerySchema(Schema):
    """How a connection is ended."""

    local = fields.Boolean(
        load_default=False, metadata={"description": "Do not tell the provider: the grant lives on there."}
    )


@resource.list("/connections", scope=READ, query=ConnectionFilterSchema, answer=ConnectionSchema, example=OCTOCAT)
def list_connections(acting: Acting, page: PageRequest, query: Mapping[str, Any]) -> Page[ConnectionSummary]:
    """List connections, the newest first."""
    state = query.get("state")
    wanted = {**query, "state": None if state is None else ConnectionState(state)}
    return search.find_connections(acting, page, ConnectionSearch(**wanted))


@resource.post(
    "/connections",
    scope=WRITE,
    opens=True,
    asks_others=True,
    body=ConnectionDraftSchema,
    body_example={"provider": "hubspot", "key": "pat-eu1-2f1a9c", "reference": "customer-17", "test": False},
    answer=ConnectionSchema,
    status=201,
    example=BY_KEY,
)
def add_connection(begin: Transactions, body: Mapping[str, Any]) -> ConnectionSummary:
    """Connect an account without a browser.

    By a key, a name with a password, client credentials or a service account. The provider is asked whether it takes
    them before they are stored, unless `test` is false. An account that is connected already keeps its connection.
    Accounts whose owner has to agree in a browser are connected by a connect session.
    """
    return add(begin, connection_draft(body)).connection


@resource.get("/connections/<connection>", scope=READ, answer=ConnectionSchema, example=OCTOCAT)
def show_connection(acting: Acting, connection: str) -> ConnectionSummary:
    """Show a connection."""
    return search.show_connection(acting, connection)


@resource.post(
    "/connections/<connection>/test",
    scope=WRITE,
    opens=True,
    asks_others=True,
    answer=TestedConnectionSchema,
    example={
        "is_working": True,
        "finding": "works",
        "status": 200,
        "detail": None,
        "account": {"id": "583231", "label": "octocat"},
        "duration_ms": 212,
        "connection": OCTOCAT,
    },
)
def test_connection(begin: Transactions, connection: str) -> TestedConnection:
    """Ask the provider whether a connection works.

    By a request that changes nothing. What is refused, also after a refresh, needs its customer from then on; where
    there is no clear answer the connection stays as it is.
    """
    return trying.test_connection(begin, connection)


@resource.post(
    "/connections/<connection>/refresh",
    scope=WRITE,
    opens=True,
    asks_others=True,
    answer=ConnectionSchema,
    example=REFRESHED,
)
def refresh_connection(begin: Transactions, connection: str) -> ConnectionSummary:
    """Renew the token of a connection now.

    Whether or not it is due, and also where the provider refused that before. Nobody needs to: what is asked for a
    token renews it when that is time.
    """
    return refresh_by_hand(begin, connection)


@resource.post(
    "/connections/<connection>/revoke",
    scope=WRITE,
    query=RevocationQuerySchema,
    answer=ConnectionSchema,
    example=REVOKED,
)
def revoke_connection(acting: Acting, connection: str, query: Mapping[str, Any]) -> ConnectionSummary:
    """End a connection.

    Its secrets are gone with the answer. The provider is told by a worker, for up to a week where it does not answer.
    One that was revoked already stays as it is.
    """
    return revoke(acting, connection, local=query["local"])


@resource.post(
    "/connections/<connection>/token",
    scope=Scope.CONNECTIONS_TOKEN,
    keeps_answer=False,
    opens=True,
    answer=ToldTokenSchema,
    example={"access_token": "gho_16C7e42F292c6912E7", "expires_at": "2026-11-27T20:00:00.000Z", "scopes": ["repo"]},
)
def read_token(begin: Transactions, connection: str) -> ToldToken:
    """Tell a connection's access token.

    One that is good now: it is renewed before where need be. Each time stands in the audit trail; a marked request
    that comes again is carried out again, for no answer with a token is kept. Who only calls the provider needs none:
    the proxy adds it.
    """
    return tell_token(begin, connection)


@resource.forward(
    "/connections/<connection>/proxy/<path:path>",
    scope=Scope.CONNECTIONS_CALL,
    example={"text": '{"login": "octocat"}'},
)
def call_provider(asked: Forwarding, connection: str) -> Forwarded:
    """Call the provider with a connection's token.

    Method, path behind `proxy/`, query and body go to the provider's API as they came, and its answer comes back as it
    comes, with any status; `Gateway-Upstream-Status` is in every answer that is the provider's. Credentials, cookies
    and hop-by-hop headers go neither way. Problem details are the gateway's own: 502 and 504 say that the provider did
    not answer, 503 that it is not asked now, 409 that its customer has to connect again.
    """
    passing = Passing(asked.method, asked.path, asked.query, asked.headers, asked.body, asked.length)
    return forward(asked.installation, asked.tenant_id, connection, passing)
