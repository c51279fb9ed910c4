"""`/api-keys`: what other programs show to act for the tenant. Only for those who may do everything in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.declaring import Resource
from gateway.api.door import scopes_of_caller
from gateway.db.paging import Page, PageRequest
from gateway.tenants.acting import Acting
from gateway.tenants.api_keys import management, search
from gateway.tenants.api_keys.draft_schema import KeyDraftSchema, key_draft
from gateway.tenants.api_keys.management import MadeKey
from gateway.tenants.api_keys.schema import KeySchema, MadeKeySchema
from gateway.tenants.api_keys.scopes import Scope
from gateway.tenants.api_keys.summary import KeySummary

CI: Mapping[str, Any] = {
    "id": "key_06bk7e8v3s9p41pf7j0q5m2c8g",
    "name": "ci",
    "scopes": ["sources:read", "sources:write"],
    "state": "live",
    "created_at": "2026-11-27T12:00:00.000Z",
    "expires_at": "2027-02-25T12:00:00.000Z",
    "last_used_at": None,
    "revoked_at": None,
}
KEY = "gwk_06bk7e8v3s9p41pf7j0q5m2c8g" + "0123456789abcdefghijklmnopqrstuv0123456789abcdefghij"

resource = Resource("api-keys", "Keys of this API, each with its scopes. What opens is shown once.")


@resource.list("/api-keys", scope=Scope.ADMIN, answer=KeySchema, example=CI)
def list_keys(acting: Acting, page: PageRequest) -> Page[KeySummary]:
    """List API keys, the newest first; those that were revoked too."""
    return search.find_keys(acting, page)


@resource.post(
    "/api-keys",
    scope=Scope.ADMIN,
    body=KeyDraftSchema,
    body_example={"name": "ci", "scopes": ["sources:read", "sources:write"], "expires_in": "90d"},
    answer=MadeKeySchema,
    status=201,
    example={**CI, "key": KEY},
)
def create_key(acting: Acting, body: Mapping[str, Any]) -> MadeKey:
    """Make an API key.

    `key` is in this answer only. Without `scopes` it may do everything in its tenant; nobody gives away more than they
    have.
    """
    return management.create_key(acting, key_draft(body), may_grant=scopes_of_caller())


@resource.get("/api-keys/<key>", scope=Scope.ADMIN, answer=KeySchema, example=CI)
def show_key(acting: Acting, key: str) -> KeySummary:
    """Show an API key."""
    return search.show_key(acting, key)


@resource.delete("/api-keys/<key>", scope=Scope.ADMIN)
def revoke_key(acting: Acting, key: str) -> None:
    """Revoke an API key, for good.

    It opens nothing any more, in every process within a second.
    """
    management.revoke_key(acting, key)
