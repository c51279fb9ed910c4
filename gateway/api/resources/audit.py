"""`/audit`: who changed what. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.declaring import Resource
from gateway.db.paging import Page, PageRequest
from gateway.tenants.acting import Acting, SystemActing
from gateway.tenants.api_keys.scopes import Scope
from gateway.tenants.audit_trail import search
from gateway.tenants.audit_trail.query_schema import AuditQuerySchema, audit_search
from gateway.tenants.audit_trail.schema import AuditSchema
from gateway.tenants.audit_trail.search import AuditSummary

CHANGED: Mapping[str, Any] = {
    "id": "aud_06bk7e8v3s9p41pf7j0q5m2c8g",
    "number": 17,
    "at": "2026-11-27T12:00:00.000Z",
    "tenant": "default",
    "actor_kind": "api_key",
    "actor_id": "key_06bk7e8v3s9p41pf7j0q5m2c8g",
    "actor_name": "ci",
    "address": "192.0.2.7",
    "request_id": "req_06bk7e8v3s9p41pf7j0q5m2c8g",
    "action": "source.changed",
    "object_id": "src_06bk7e8v3s9p41pf7j0q5m2c8g",
    "object_name": "github",
    "before": {"allowed_ips": []},
    "after": {"allowed_ips": ["192.30.252.0/22"]},
    "hash": "9b74c9897bac770ffc029102a200c5de1b0c9a5c9e9dce3d2a1a8f3d0f6c1a77",
}

resource = Resource("audit", "Who changed what, when, and from where: every change, by whichever way it was made.")


@resource.list("/audit", scope=Scope.AUDIT_READ, query=AuditQuerySchema, answer=AuditSchema, example=CHANGED)
def list_audit(acting: Acting, query: Mapping[str, Any], page: PageRequest) -> Page[AuditSummary]:
    """List the changes of the tenant, newest first."""
    return search.find_audit(acting, audit_search(query), page)


@resource.list(
    "/audit/all",
    scope=Scope.OPERATOR,
    for_system=True,
    query=AuditQuerySchema,
    answer=AuditSchema,
    example={
        **CHANGED,
        "action": "tenant.suspended",
        "object_id": "ten_06bk7e8v3s9p41pf7j0q5m2c8g",
        "object_name": "acme",
        "before": {"suspended_at": None},
        "after": {"suspended_at": "2026-11-27T12:00:00+00:00"},
    },
)
def list_audit_of_all(acting: SystemActing, query: Mapping[str, Any], page: PageRequest) -> Page[AuditSummary]:
    """List the changes of every tenant and of none, newest first."""
    return search.find_audit(acting, audit_search(query), page)


@resource.get("/audit/<entry>", scope=Scope.AUDIT_READ, answer=AuditSchema, example=CHANGED)
def show_audit(acting: Acting, entry: str) -> AuditSummary:
    """Show a change of the tenant: what was before, and what after."""
    return search.show_audit(acting, entry)
