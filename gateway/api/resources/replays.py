"""`/replays`: many events by a filter, delivered again by a worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.declaring import Resource
from gateway.api.resources.events import COUNTS
from gateway.db.paging import Page, PageRequest
from gateway.delivery.replays import management
from gateway.delivery.replays.schema import ReplayDraftSchema, ReplayQuerySchema, ReplaySchema, replay_draft, state_of
from gateway.delivery.replays.summary import ReplaySummary
from gateway.tenants.acting import Acting
from gateway.tenants.api_keys.scopes import Scope

REPLAY = Scope.EVENTS_REPLAY
ASKED: Mapping[str, Any] = {
    "id": "job_06bk7e8v3s9p41pf7j0q5m2c8g",
    "state": "pending",
    "plan": False,
    "asked": {
        "source": "github",
        "type": "issues.*",
        "status": "dead",
        "since": "2026-11-27T00:00:00+00:00",
        "until": "2026-11-27T12:00:00.123456+00:00",
        "route": None,
        "destination": None,
        "again": "failed",
    },
    "counts": dict.fromkeys(COUNTS, 0),
    "reached_at": None,
    "asker_kind": "api_key",
    "asker_id": "key_06bk7e8v3s9p41pf7j0q5m2c8g",
    "asker_name": "ci",
    "detail": None,
    "created_at": "2026-11-27T12:00:00.000Z",
    "started_at": None,
    "finished_at": None,
}
RUNNING: Mapping[str, Any] = {
    **ASKED,
    "state": "running",
    "counts": {**COUNTS, "events": 1200, "replayed": 1180, "arrived": 20},
    "reached_at": "2026-11-27T07:30:00.000Z",
    "started_at": "2026-11-27T12:00:01.000Z",
}
CANCELLED: Mapping[str, Any] = {**RUNNING, "state": "cancelled", "finished_at": "2026-11-27T12:01:00.000Z"}

resource = Resource(
    "replays", "Many events by a filter, delivered again by a worker, oldest first: jobs of the kind `events.replay`."
)


@resource.list("/replays", scope=REPLAY, query=ReplayQuerySchema, answer=ReplaySchema, example=RUNNING)
def list_replays(acting: Acting, query: Mapping[str, Any], page: PageRequest) -> Page[ReplaySummary]:
    """List replays, newest first."""
    return management.find_replays(acting, page, state=state_of(query))


@resource.post(
    "/replays",
    scope=REPLAY,
    body=ReplayDraftSchema,
    body_example={"source": "github", "type": "issues.*", "status": "dead", "since": "2026-11-27T00:00:00Z"},
    answer=ReplaySchema,
    status=201,
    example=ASKED,
)
def start_replay(acting: Acting, body: Mapping[str, Any]) -> ReplaySummary:
    """Replay many events, or with `plan` count what that would do.

    Both are done by a worker, and begin within seconds where none of the tenant is under way: `GET` it to see its
    counts so far, until its `state` is neither `pending` nor `running`. Where events go is told as for one event.
    Without `until`, events that come from now on are not meant. A plan delivers nothing: to do what it counted, ask for
    the same again without `plan`, with the `until` of its `asked`.
    """
    return management.start_replay(acting, replay_draft(body))


@resource.get("/replays/<replay>", scope=REPLAY, answer=ReplaySchema, example=RUNNING)
def show_replay(acting: Acting, replay: str) -> ReplaySummary:
    """Show a replay, with its counts so far."""
    return management.show_replay(acting, replay)


@resource.post("/replays/<replay>/cancel", scope=REPLAY, answer=ReplaySchema, example=CANCELLED)
def cancel_replay(acting: Acting, replay: str) -> ReplaySummary:
    """Stop a replay.

    Nothing more becomes due. What is due already is delivered, unless its deliveries are cancelled.
    """
    return management.cancel_replay(acting, replay)
