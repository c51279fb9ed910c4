"""`/tenants`: customers whose data never mixes. For those who run the gateway: they belong to no tenant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.declaring import Resource
from gateway.db.paging import Page, PageRequest
from gateway.tenant_data.schema import TenantWithUsageSchema
from gateway.tenant_data.usage import TenantWithUsage
from gateway.tenant_data.usage import show_tenant as find_tenant
from gateway.tenants import management
from gateway.tenants.acting import SystemActing
from gateway.tenants.api_keys.scopes import Scope
from gateway.tenants.directory import TenantSummary
from gateway.tenants.draft_schema import TenantChangeSchema, TenantDraftSchema, tenant_change
from gateway.tenants.schema import TenantSchema

ACME: Mapping[str, Any] = {
    "id": "ten_06bk7e8v3s9p41pf7j0q5m2c8g",
    "slug": "acme",
    "state": "active",
    "limits": {
        "events_per_second": 50.0,
        "sources": 100,
        "destinations": None,
        "app_credentials": None,
        "stored_bytes": None,
        "api_requests_per_second": 20.0,
    },
    "return_origins": ["https://app.example.com"],
    "suspended_at": None,
    "created_at": "2026-11-27T12:00:00.000Z",
}
USAGE: Mapping[str, Any] = {
    "sources": 3,
    "destinations": 2,
    "events": 17000,
    "stored_bytes": 40960000,
    "is_full": False,
    "last_event_at": "2026-11-27T12:34:56.000Z",
}
SUSPENDED: Mapping[str, Any] = {**ACME, "state": "suspended", "suspended_at": "2026-11-27T12:05:00.000Z"}

resource = Resource("tenants", "Customers whose data never mixes. Only for keys with `operator`.")


@resource.list("/tenants", scope=Scope.OPERATOR, for_system=True, answer=TenantSchema, example=ACME)
def list_tenants(acting: SystemActing, page: PageRequest) -> Page[TenantSummary]:
    """List tenants, by slug."""
    return management.find_tenants(acting, page)


@resource.post(
    "/tenants",
    scope=Scope.OPERATOR,
    for_system=True,
    body=TenantDraftSchema,
    body_example={"slug": "acme"},
    answer=TenantSchema,
    status=201,
    example={**ACME, "limits": dict.fromkeys(ACME["limits"]), "return_origins": []},
)
def create_tenant(acting: SystemActing, body: Mapping[str, Any]) -> TenantSummary:
    """Make a tenant.

    It has no limits yet. An operator's key acts for it with the header `Gateway-Tenant`, and makes its first key so.
    """
    return management.create_tenant(acting, body["slug"])


@resource.get(
    "/tenants/<tenant>",
    scope=Scope.OPERATOR,
    for_system=True,
    answer=TenantWithUsageSchema,
    example={**ACME, "usage": USAGE},
)
def show_tenant(acting: SystemActing, tenant: str) -> TenantWithUsage:
    """Show a tenant, with what it uses.

    Events and bytes are counted by a worker, which is about half a minute behind.
    """
    return find_tenant(acting, tenant)


@resource.patch(
    "/tenants/<tenant>",
    scope=Scope.OPERATOR,
    for_system=True,
    current=find_tenant,
    current_as=TenantWithUsageSchema,
    body=TenantChangeSchema,
    body_example={"limits": {"events_per_second": 100, "sources": None}},
    answer=TenantSchema,
    example={**ACME, "limits": {**ACME["limits"], "events_per_second": 100.0, "sources": None}},
)
def change_tenant(acting: SystemActing, tenant: str, body: Mapping[str, Any]) -> TenantSummary:
    """Change the limits of a tenant, and where its browsers may be sent back to.

    Rates hold for each web process. What a tenant has already stays when a limit becomes less than that.
    """
    return management.change_tenant(acting, tenant, tenant_change(body))


@resource.post(
    "/tenants/<tenant>/suspend", scope=Scope.OPERATOR, for_system=True, answer=TenantSchema, example=SUSPENDED
)
def suspend_tenant(acting: SystemActing, tenant: str) -> TenantSummary:
    """Answer a tenant's webhooks 503, so that vendors send them again later, and let its deliveries wait."""
    return management.suspend_tenant(acting, tenant)


@resource.post("/tenants/<tenant>/resume", scope=Scope.OPERATOR, for_system=True, answer=TenantSchema, example=ACME)
def resume_tenant(acting: SystemActing, tenant: str) -> TenantSummary:
    """Receive and deliver again."""
    return management.resume_tenant(acting, tenant)
