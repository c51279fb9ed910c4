"""`/rejections`: requests that were refused, and why."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from marshmallow import fields

from gateway.api.declaring import Raw, Resource
from gateway.api.hint_schema import HintSchema
from gateway.api.job_schema import JobSchema
from gateway.api.resources.jobs import WAITING
from gateway.db.paging import Page, PageRequest
from gateway.jobs.summary import JobSummary
from gateway.tenants.acting import Acting, Transactions
from gateway.tenants.api_keys.scopes import Scope
from gateway.webhooks.acceptance import accept, many
from gateway.webhooks.acceptance.outcomes import Judged
from gateway.webhooks.acceptance.schema import AcceptanceDraftSchema, JudgedSchema, which_rejections
from gateway.webhooks.explain.asking import explain_rejection as explain
from gateway.webhooks.explain.finding import Diagnosis
from gateway.webhooks.explain.schema import DiagnosisSchema, ExplainDraftSchema, FindingSchema
from gateway.webhooks.rejections import search
from gateway.webhooks.rejections.schema import RejectionDetailSchema, RejectionQuerySchema, RejectionSchema
from gateway.webhooks.rejections.search import RejectionDetail, RejectionSummary

READ, WRITE = Scope.REJECTIONS_READ, Scope.REJECTIONS_WRITE
REFUSED: Mapping[str, Any] = {
    "id": "rej_06bk7e8v3s9p41pf7j0q5m2c8g",
    "source": "github",
    "reason": "signature_mismatch",
    "detail": "no current secret fits",
    "received_at": "2026-11-27T12:00:00.000Z",
    "client_address": "192.0.2.7",
    "method": "POST",
    "body_bytes": 19,
    "accepted_as": None,
}
CONTENTS: Mapping[str, Any] = {
    "request_id": "req_06bk7e8v3s9p41pf7j0q5m2c8g",
    "url": "https://hooks.example.com/webhooks/github",
    "headers": [["Content-Type", "application/json"], ["X-Hub-Signature-256", "[redacted]"]],
    "kept_body_bytes": 19,
    "body": '{"action":"opened"}',
}
TAKEN_IN: Mapping[str, Any] = {
    "rejection_id": REFUSED["id"],
    "outcome": "accepted",
    "detail": None,
    "event_ids": ["evt_06bk7e8v3s9p41pf7j0q5m2c8g"],
}
TAKING_IN: Mapping[str, Any] = {
    **WAITING,
    "kind": "rejections.accept",
    "payload": {
        "source": "github",
        "reason": "signature_mismatch",
        "since": None,
        "until": "2026-11-27T12:00:00.123456+00:00",
        "is_plan": False,
    },
}
DIAGNOSIS: Mapping[str, Any] = {
    "provider": "github",
    "scheme": "sha256",
    "accepted": False,
    "reason": "signature_mismatch",
    "detail": "no current secret fits",
    "findings": [
        {
            "cause": "other_source",
            "certainty": "proven",
            "sentence": "It was signed with what the source shop holds.",
            "remedy": "Correct the URL at GitHub.",
            "details": [],
            "hints": [
                {
                    "action": "show_source",
                    "detail": "look at the source",
                    "parameters": {"slug": "shop"},
                    "operation": {"method": "GET", "href": "/api/v1/sources/shop"},
                }
            ],
        }
    ],
    "expected": [{"label": "header", "text": "X-Hub-Signature-256: sha256=…"}],
    "received": [{"label": "body", "text": "19 bytes"}],
    "tried": 12,
}

resource = Resource("rejections", "Requests that were refused: kept for 7 days, at most 1000 for each source.")


class ToldFindingSchema(FindingSchema):
    """One cause: what happened (`sentence`), what to do (`remedy`, `hints`), what it rests on (`details`)."""

    hints = fields.List(fields.Nested(HintSchema))


class ToldDiagnosisSchema(DiagnosisSchema):
    """Why a request was refused. `findings` has the most certain first; `reason` is null for a handshake."""

    findings = fields.List(fields.Nested(ToldFindingSchema))


@resource.list("/rejections", scope=READ, query=RejectionQuerySchema, answer=RejectionSchema, example=REFUSED)
def list_rejections(acting: Acting, query: Mapping[str, Any], page: PageRequest) -> Page[RejectionSummary]:
    """List rejections, newest first."""
    return search.find_rejections(acting, page, source=query["source"], reason=query["reason"])


@resource.get("/rejections/<rejection>", scope=READ, answer=RejectionDetailSchema, example={**REFUSED, **CONTENTS})
def show_rejection(acting: Acting, rejection: str) -> RejectionDetail:
    """Show a refused request, with the first 64 KB of its body.

    The body is in `body`, or in `body_base64` when it is no text. Secrets that the request carried are left out.
    """
    return search.show_rejection(acting, rejection)


@resource.get("/rejections/<rejection>/body", scope=READ, is_raw=True, example={"text": CONTENTS["body"]})
def show_rejection_body(acting: Acting, rejection: str) -> Raw:
    """Show all of the body that is kept of a refused request.

    A secret that stood in it is sealed in its place.
    """
    return Raw(search.show_rejection(acting, rejection, shown_bytes=None).body, None)


@resource.post("/rejections/<rejection>/accept", scope=WRITE, opens=True, answer=JudgedSchema, example=TAKEN_IN)
def accept_rejection(begin: Transactions, rejection: str) -> Judged:
    """Take in a refused request.

    It is judged again, at the time at which it came and with what its source holds now: 409 where it is refused again.
    What verifies becomes an event and is routed, unless the vendor sent it again meanwhile.
    """
    return accept.accept_rejection(begin, rejection)


@resource.post(
    "/rejections/accept",
    scope=WRITE,
    body=AcceptanceDraftSchema,
    body_example={"source": "github", "since": "2026-11-27T11:00:00Z", "plan": True},
    answer=JobSchema,
    example=TAKING_IN,
)
def accept_rejections(acting: Acting, body: Mapping[str, Any]) -> JobSummary:
    """Take in many refused requests, or with `plan` count what would become of them.

    The answer is the job in which a worker does it: see `/jobs/<job>` for how far it is, and for its `result`, and
    `/jobs/<job>/cancel` to stop it. Those that come from now on are not meant.
    """
    return many.ask_for_acceptance(acting, which_rejections(body), is_plan=body["plan"])


@resource.post(
    "/rejections/<rejection>/explain",
    scope=READ,
    opens=True,
    body=ExplainDraftSchema,
    body_example={"url": "https://hooks.example.com/webhooks/github"},
    answer=ToldDiagnosisSchema,
    example=DIAGNOSIS,
)
def explain_rejection(begin: Transactions, rejection: str, body: Mapping[str, Any]) -> Diagnosis:
    """Say why a request was refused, and what to do.

    It is judged again, with each known mistake undone: a cause that makes its signature fit is proven. No secret and no
    signature is in the answer.
    """
    return explain(partial(begin, write=False), rejection, url=body["url"])
