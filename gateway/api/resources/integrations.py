"""`/integrations`: external systems as a tenant uses them, and their life."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from gateway.api.declaring import Resource
from gateway.db.paging import Page, PageRequest
from gateway.integrations import search
from gateway.integrations.asking import ask_for_sync, asked
from gateway.integrations.health import summary as health
from gateway.integrations.health.summary import HealthSummary
from gateway.integrations.lifecycle import management as life
from gateway.integrations.lifecycle.consequences import ALL, SAFE, Consequences, consequences
from gateway.integrations.management import adding, changing, removal, revisions, trying
from gateway.integrations.management.draft_schema import (
    IntegrationChangeSchema,
    IntegrationDraftSchema,
    integration_change,
    integration_draft,
)
from gateway.integrations.management.revisions import RevisionSummary
from gateway.integrations.results import Result
from gateway.integrations.schema import HealthSchema, IntegrationSchema, ResultSchema, RevisionSchema
from gateway.integrations.summary import IntegrationSummary
from gateway.tenants.acting import Acting, Transactions
from gateway.tenants.api_keys.scopes import Scope

READ, WRITE = Scope.INTEGRATIONS_READ, Scope.INTEGRATIONS_WRITE
HOME: Mapping[str, Any] = {
    "id": "int_06bk7e8v3s9p41pf7j0q5m2c8g",
    "name": "home",
    "type": "home_assistant",
    "label": "Home Assistant",
    "state": "inactive",
    "reason": None,
    "detail": None,
    "connection": None,
    "source": None,
    "configuration": {"base_url": "https://home.example.com"},
    "secrets": ["token"],
    "sync": {},
    "schedule": "15m",
    "revision": 1,
    "health": "unknown",
    "health_since": None,
    "data_at": None,
    "activated_at": None,
    "created_at": "2026-11-27T12:00:00.000Z",
    "updated_at": "2026-11-27T12:00:00.000Z",
    "webhooks": None,
    "broken": None,
}
ACTIVE: Mapping[str, Any] = {
    **HOME,
    "state": "active",
    "health": "healthy",
    "health_since": "2026-11-27T12:01:00.000Z",
    "data_at": "2026-11-27T12:01:05.000Z",
    "activated_at": "2026-11-27T12:01:00.000Z",
}
SEEN: Mapping[str, Any] = {
    "status": "success",
    "message": "Home Assistant 2026.7 with 214 entities",
    "redirect": None,
    "code": None,
    "details": {"duration_ms": 84, "seen": {"version": "2026.7"}},
}

ASKED: Mapping[str, Any] = {
    "status": "success",
    "message": "the sync was asked for",
    "redirect": None,
    "code": None,
    "details": {"job": "job_06bk7e8v3s9p41pf7j0q5m2c8g", "run": "run_06bk7e8v3s9p41pf7j0q5m2c8g"},
}

resource = Resource("integrations", "External systems that are synced, and their life.")


class DeactivationSchema(Schema):
    """What becomes of its entities."""

    mode = fields.String(
        load_default=SAFE,
        validate=validate.OneOf([SAFE, ALL]),
        metadata={"description": "`safe` keeps entities that carry data or edits of somebody, `all` keeps none."},
    )
    force = fields.Boolean(
        load_default=False, metadata={"description": "Go on where what was prepared outside cannot be taken back."}
    )


class ConsequencesQuery(Schema):
    """In which mode it would be taken down."""

    mode = fields.String(load_default=SAFE, validate=validate.OneOf([SAFE, ALL]))


class ConsequencesSchema(Schema):
    """What taking it down would remove and keep."""

    integration = fields.String()
    state = fields.String()
    mode = fields.String()
    total = fields.Integer()
    removed = fields.Integer()
    kept = fields.Integer()
    with_user_data = fields.Integer()
    unsent_edits = fields.Integer()
    open_conflicts = fields.Integer()
    quarantined = fields.Integer()
    prepared = fields.List(fields.String())


class SyncSchema(Schema):
    """How much is read."""

    full = fields.Boolean(
        load_default=False, metadata={"description": "Everything, and not only what changed where that can be told."}
    )


class RestoreSchema(Schema):
    """Which configuration is given back."""

    revision = fields.Integer(required=True, strict=True)


@resource.list("/integrations", scope=READ, answer=IntegrationSchema, example=ACTIVE)
def list_integrations(acting: Acting, page: PageRequest) -> Page[IntegrationSummary]:
    """List integrations, by name."""
    return search.find_integrations(acting, page)


@resource.post(
    "/integrations",
    scope=WRITE,
    body=IntegrationDraftSchema,
    body_example={
        "name": "home",
        "type": "home_assistant",
        "configuration": {"base_url": "https://home.example.com"},
        "secrets": {"token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9"},
        "schedule": "15m",
    },
    answer=IntegrationSchema,
    status=201,
    example=HOME,
)
def add_integration(acting: Acting, body: Mapping[str, Any]) -> IntegrationSummary:
    """Add an integration.

    It is inactive: nothing is asked of its system before it is tested or activated.
    """
    return adding.add_integration(acting, integration_draft(body))


@resource.get("/integrations/<integration>", scope=READ, answer=IntegrationSchema, example=ACTIVE)
def show_integration(acting: Acting, integration: str) -> IntegrationSummary:
    """Show an integration."""
    return search.show_integration(acting, integration)


@resource.post(
    "/integrations/<integration>/configuration",
    scope=WRITE,
    opens=True,
    asks_others=True,
    body=IntegrationChangeSchema,
    body_example={"configuration": {"base_url": "https://home.example.com:8443"}, "schedule": "1h"},
    answer=IntegrationSchema,
    example={**ACTIVE, "revision": 2, "schedule": "1h"},
)
def change_integration(begin: Transactions, integration: str, body: Mapping[str, Any]) -> IntegrationSummary:
    """Change an integration.

    What is not named stays as it is. If it is active, the new configuration is tried before it takes the old one's
    place, and refused with what was seen where it does not work. The one before is kept among its revisions.
    """
    return changing.change_integration(begin, integration, integration_change(body))


@resource.delete(
    "/integrations/<integration>", scope=WRITE, current=search.show_integration, current_as=IntegrationSchema
)
def remove_integration(acting: Acting, integration: str) -> None:
    """Forget an integration with its secrets and runs.

    Refused while it is active, and while entities of it are left.
    """
    removal.remove_integration(acting, integration)


@resource.post(
    "/integrations/<integration>/test", scope=WRITE, opens=True, asks_others=True, answer=ResultSchema, example=SEEN
)
def test_integration(begin: Transactions, integration: str) -> Result:
    """Ask its system whether an integration works.

    For five seconds at most; nothing is changed there. What is wrong is in the answer, whose status is 200 all the
    same.
    """
    return trying.test_integration(begin, integration)


@resource.post(
    "/integrations/<integration>/activate",
    scope=WRITE,
    opens=True,
    asks_others=True,
    answer=ResultSchema,
    example={**SEEN, "details": {"sync_job": "job_06bk7e8v3s9p41pf7j0q5m2c8g", "seen": {"version": "2026.7"}}},
)
def activate_integration(begin: Transactions, integration: str) -> Result:
    """Activate an integration.

    It is validated, tested and prepared; then its first sync is asked for. When a step fails nothing is left behind,
    and `status` is `error`. One that is active stays so.
    """
    return life.activate(begin, integration)


@resource.post(
    "/integrations/<integration>/deactivate",
    scope=WRITE,
    opens=True,
    asks_others=True,
    body=DeactivationSchema,
    body_example={"mode": "safe"},
    answer=ResultSchema,
    example={
        "status": "success",
        "message": "home is inactive: 210 entities removed, 4 kept because they carry data or edits of your own",
        "redirect": None,
        "code": None,
        "details": {"removed": 210, "kept": 4, "total": 214},
    },
)
def deactivate_integration(begin: Transactions, integration: str, body: Mapping[str, Any]) -> Result:
    """Take an integration down.

    Its syncs stop, what was prepared outside is taken back, then its entities are removed. Its configuration stays.
    """
    return life.deactivate(begin, integration, mode=body["mode"], force=body["force"])


@resource.get(
    "/integrations/<integration>/consequences",
    scope=READ,
    query=ConsequencesQuery,
    answer=ConsequencesSchema,
    example={
        "integration": "home",
        "state": "active",
        "mode": "safe",
        "total": 214,
        "removed": 210,
        "kept": 4,
        "with_user_data": 3,
        "unsent_edits": 1,
        "open_conflicts": 0,
        "quarantined": 0,
        "prepared": [],
    },
)
def show_consequences(acting: Acting, integration: str, query: Mapping[str, Any]) -> Consequences:
    """What taking an integration down would remove and keep."""
    return consequences(acting, integration, query["mode"])


@resource.post(
    "/integrations/<integration>/pause", scope=WRITE, answer=IntegrationSchema, example={**ACTIVE, "state": "paused"}
)
def pause_integration(acting: Acting, integration: str) -> IntegrationSummary:
    """Sync no more until it is resumed; local edits wait."""
    return life.pause(acting, integration)


@resource.post("/integrations/<integration>/resume", scope=WRITE, answer=IntegrationSchema, example=ACTIVE)
def resume_integration(acting: Acting, integration: str) -> IntegrationSummary:
    """Sync again, at once and by its schedule."""
    return life.resume(acting, integration)


@resource.post(
    "/integrations/<integration>/sync",
    scope=WRITE,
    body=SyncSchema,
    body_example={"full": False},
    answer=ResultSchema,
    example=ASKED,
)
def sync_integration(acting: Acting, integration: str, body: Mapping[str, Any]) -> Result:
    """Sync an integration now.

    A worker does it; the run is found by its id among the sync runs once it has begun. One that waits already is this
    one too.
    """
    return asked(ask_for_sync(acting, integration, full=body["full"]))


@resource.post(
    "/integrations/<integration>/plan",
    scope=WRITE,
    body=SyncSchema,
    body_example={"full": True},
    answer=ResultSchema,
    example={**ASKED, "message": "the plan is being made"},
)
def plan_integration(acting: Acting, integration: str, body: Mapping[str, Any]) -> Result:
    """Find what a sync would do.

    A worker reads what a sync would, and changes nothing; the counts are found by the run's id among the sync runs.
    """
    return asked(ask_for_sync(acting, integration, full=body["full"], is_plan=True))


@resource.get(
    "/integrations/<integration>/health",
    scope=READ,
    answer=HealthSchema,
    example={
        "integration": "home",
        "state": "active",
        "health": "unhealthy",
        "since": "2026-11-27T12:30:00.000Z",
        "data_at": "2026-11-27T12:28:41.000Z",
        "checked_at": "2026-11-27T12:31:00.000Z",
        "retry_at": None,
        "checks": [
            {
                "name": "connectivity",
                "health": "unhealthy",
                "message": "home_assistant: GET /config: no connection",
                "since": "2026-11-27T12:30:00.000Z",
            }
        ],
    },
)
def show_health(acting: Acting, integration: str) -> HealthSummary:
    """Show how an integration is.

    As it was seen last, by syncs, its stream, and a look every few minutes. A check changes when the same was seen
    twice in a row.
    """
    return health.show_health(acting, integration)


@resource.list(
    "/integrations/<integration>/revisions",
    scope=READ,
    answer=RevisionSchema,
    example={
        "revision": 1,
        "configuration": {"base_url": "https://home.example.com"},
        "sync": {},
        "connection": None,
        "actor_kind": "api_key",
        "actor_name": "ci",
        "created_at": "2026-11-27T12:00:00.000Z",
    },
)
def list_revisions(acting: Acting, integration: str, page: PageRequest) -> Page[RevisionSummary]:
    """List the configurations that an integration had, the newest first."""
    return revisions.page_of_revisions(acting, integration, page)


@resource.post(
    "/integrations/<integration>/restore",
    scope=WRITE,
    opens=True,
    asks_others=True,
    body=RestoreSchema,
    body_example={"revision": 1},
    answer=IntegrationSchema,
    example={**ACTIVE, "revision": 3},
)
def restore_integration(begin: Transactions, integration: str, body: Mapping[str, Any]) -> IntegrationSummary:
    """Give an integration back a configuration that it had.

    Its secrets stay as they are. If it is active, that configuration is tried before.
    """
    return revisions.restore_revision(begin, integration, body["revision"])
