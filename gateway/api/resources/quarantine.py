"""`/quarantine`: records of external systems that could not be taken in, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.declaring import Resource
from gateway.db.paging import Page, PageRequest
from gateway.entities.quarantine.schema import QuarantinedSchema, QuarantineQuerySchema
from gateway.entities.quarantine.summary import QuarantinedSummary
from gateway.entities.states import QuarantineState
from gateway.integrations import quarantined
from gateway.tenants.acting import Acting, Transactions
from gateway.tenants.api_keys.scopes import Scope

READ, WRITE = Scope.INTEGRATIONS_READ, Scope.INTEGRATIONS_WRITE
OPEN: Mapping[str, Any] = {
    "id": "qtn_06bk7e8v3s9p41pf7j0q5m2c8g",
    "integration": "crm",
    "instance_id": "int_06bk7e8v3s9p41pf7j0q5m2c8g",
    "resource": "contacts",
    "integration_id": "1001",
    "state": "open",
    "reasons": [{"pointer": "/email", "code": "not_an_email", "message": "is no email address"}],
    "raw": '{"email":"nobody","id":"1001"}',
    "run_id": "run_06bk7e8v3s9p41pf7j0q5m2c8g",
    "times": 3,
    "first_at": "2026-11-27T12:00:00.000Z",
    "last_at": "2026-11-27T14:00:00.000Z",
}

resource = Resource("quarantine", "Records of external systems that could not be taken in, and why.")


@resource.list("/quarantine", scope=READ, query=QuarantineQuerySchema, answer=QuarantinedSchema, example=OPEN)
def list_quarantined(acting: Acting, query: Mapping[str, Any], page: PageRequest) -> Page[QuarantinedSummary]:
    """List records in quarantine, newest first."""
    state = None if query["state"] is None else QuarantineState(query["state"])
    return quarantined.find_quarantined(
        acting, page, integration=query["integration"], resource=query["resource"], state=state
    )


@resource.get("/quarantine/<record>", scope=READ, answer=QuarantinedSchema, example=OPEN)
def show_quarantined(acting: Acting, record: str) -> QuarantinedSummary:
    """Show a record as it came, and what is wrong with it."""
    return quarantined.show_quarantined(acting, record)


@resource.post(
    "/quarantine/<record>/retry",
    scope=WRITE,
    opens=True,
    asks_others=True,
    answer=QuarantinedSchema,
    example={**OPEN, "state": "repaired"},
)
def retry_record(begin: Transactions, record: str) -> QuarantinedSummary:
    """Judge a record once more, as its system has it now, and take it in where it is sound.

    Where its system cannot be asked for one record, it is judged as it came. What is still wrong stands in `reasons`.
    """
    return quarantined.retry_record(begin, record)


@resource.post(
    "/quarantine/<record>/discard", scope=WRITE, answer=QuarantinedSchema, example={**OPEN, "state": "discarded"}
)
def discard_record(acting: Acting, record: str) -> QuarantinedSummary:
    """Pass a record over while it comes as it is. Once it says something else, it is judged again."""
    return quarantined.discard_record(acting, record)
