"""`/app-credentials`: apps at OAuth providers. Their secrets go in and never come out again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.declaring import Resource
from gateway.db.paging import Page, PageRequest
from gateway.oauth.app_credentials import management, removal, search
from gateway.oauth.app_credentials.draft_schema import (
    AppChangeSchema,
    AppDraftSchema,
    AppSecretsSchema,
    app_change,
    app_draft,
    new_secrets,
)
from gateway.oauth.app_credentials.schema import AppSchema
from gateway.oauth.app_credentials.summary import AppSummary
from gateway.tenants.acting import Acting
from gateway.tenants.api_keys.scopes import Scope

READ, WRITE = Scope.APP_CREDENTIALS_READ, Scope.APP_CREDENTIALS_WRITE
GITHUB: Mapping[str, Any] = {
    "id": "app_06bk7e8v3s9p41pf7j0q5m2c8g",
    "name": "github",
    "provider": "github",
    "client_id": "Iv1.8a61f9b3a7aba766",
    "secrets": ["client_secret"],
    "parameters": {},
    "scopes": ["repo", "read:user"],
    "redirect_uri": "https://hooks.example.com/oauth/github/callback",
    "connections": {"connected": 12, "degraded": 0, "refresh_uncertain": 0, "needs_reauth": 1},
    "disabled_at": None,
    "created_at": "2026-11-27T12:00:00.000Z",
    "updated_at": "2026-11-27T12:00:00.000Z",
    "state": "enabled",
    "out_of_order": None,
}
NEW: Mapping[str, Any] = {
    **GITHUB,
    "connections": {"connected": 0, "degraded": 0, "refresh_uncertain": 0, "needs_reauth": 0},
}

resource = Resource("app-credentials", "Apps at OAuth providers, with which accounts are connected.")


@resource.list("/app-credentials", scope=READ, answer=AppSchema, example=GITHUB)
def list_app_credentials(acting: Acting, page: PageRequest) -> Page[AppSummary]:
    """List app credentials, by name."""
    return search.find_apps(acting, page)


@resource.post(
    "/app-credentials",
    scope=WRITE,
    body=AppDraftSchema,
    body_example={
        "name": "github",
        "provider": "github",
        "client_id": "Iv1.8a61f9b3a7aba766",
        "client_secret": "c1f0a7e2b9d84c6f8e5a3b2d1c0f9e8d",
        "scopes": ["repo", "read:user"],
    },
    answer=AppSchema,
    status=201,
    example=NEW,
)
def add_app_credentials(acting: Acting, body: Mapping[str, Any]) -> AppSummary:
    """Add app credentials.

    Register `redirect_uri` with the app at the provider. Parameters that are not given here are asked of whoever
    connects an account, but those that choose the authorization server.
    """
    return management.add_app(acting, app_draft(body))


@resource.get("/app-credentials/<app>", scope=READ, answer=AppSchema, example=GITHUB)
def show_app_credentials(acting: Acting, app: str) -> AppSummary:
    """Show app credentials."""
    return search.show_app(acting, app)


@resource.patch(
    "/app-credentials/<app>",
    scope=WRITE,
    current=search.show_app,
    body=AppChangeSchema,
    body_example={"scopes": ["read:user"]},
    answer=AppSchema,
    example={**GITHUB, "scopes": ["read:user"]},
)
def change_app_credentials(acting: Acting, app: str, body: Mapping[str, Any]) -> AppSummary:
    """Change app credentials.

    What is not named stays as it is. Secrets are changed by `rotate`. While accounts are connected, the client id and
    what chooses the authorization server stay what they are.
    """
    return management.change_app(acting, app, app_change(body))


@resource.delete("/app-credentials/<app>", scope=WRITE, current=search.show_app, current_as=AppSchema)
def remove_app_credentials(acting: Acting, app: str) -> None:
    """Forget app credentials and their secrets.

    Refused while connections were made with them. Nothing is ended at the provider.
    """
    removal.remove_app(acting, app)


@resource.post(
    "/app-credentials/<app>/rotate",
    scope=WRITE,
    body=AppSecretsSchema,
    body_example={"client_secret": "9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a"},
    answer=AppSchema,
    example=GITHUB,
)
def rotate_app_credentials(acting: Acting, app: str, body: Mapping[str, Any]) -> AppSummary:
    """Give app credentials another secret.

    It counts at once, and the one before is forgotten.
    """
    return management.rotate_app(acting, app, new_secrets(body))


@resource.post("/app-credentials/<app>/enable", scope=WRITE, answer=AppSchema, example=GITHUB)
def enable_app_credentials(acting: Acting, app: str) -> AppSummary:
    """Connect accounts again."""
    return management.enable_app(acting, app)


@resource.post(
    "/app-credentials/<app>/disable",
    scope=WRITE,
    answer=AppSchema,
    example={**GITHUB, "disabled_at": "2026-11-27T12:05:00.000Z", "state": "disabled"},
)
def disable_app_credentials(acting: Acting, app: str) -> AppSummary:
    """Connect no more accounts; those that are connected go on."""
    return management.disable_app(acting, app)
