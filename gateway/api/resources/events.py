"""`/events`: the journal. What came, what became of it, and delivering it again."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from gateway.api.declaring import Listening, Raw, Resource
from gateway.api.job_schema import JobSchema
from gateway.api.resources.deliveries import ATTEMPT, DEAD
from gateway.api.resources.jobs import WAITING
from gateway.db.paging import Page, PageRequest
from gateway.delivery import journal
from gateway.delivery.event_replay.counts import ReplayCounts
from gateway.delivery.event_replay.replay import replay_event as replay_one
from gateway.delivery.forwarded import ForwardedEvent, forwarded_event
from gateway.delivery.journal import JournalDetail, JournalLine
from gateway.delivery.query_schema import (
    AimSchema,
    EventQuerySchema,
    FollowedEventsSchema,
    aim_of,
    event_filter,
    looked_for,
    status_of,
)
from gateway.delivery.schema import (
    ForwardedEventSchema,
    JournalDetailSchema,
    JournalLineSchema,
    ReplayCountsSchema,
)
from gateway.events.live.listening import listen
from gateway.events.search import show_event as find_event
from gateway.jobs.summary import JobSummary
from gateway.tenants.acting import Acting
from gateway.tenants.api_keys.scopes import Scope
from gateway.webhooks.forgetting import forget, many
from gateway.webhooks.forgetting.forget import ForgottenEvents
from gateway.webhooks.forgetting.schema import ForgetDraftSchema, ForgottenEventsSchema, which_forgotten

READ = Scope.EVENTS_READ
LINE: Mapping[str, Any] = {
    "id": "evt_06bk7e8v3s9p41pf7j0q5m2c8g",
    "source": "github",
    "provider": "github",
    "type": "issues.opened",
    "dedupe_key": "0cd9a3a2-3e40-4a1b-9d4b-4d0a2c9a5a10",
    "received_at": "2026-11-27T12:00:00.000Z",
    "content_type": "application/json",
    "body_bytes": 19,
    "status": "dead",
    "repeats": 1,
}
FOLLOWED = f"""\
retry: 2000
: listening

id: {LINE["id"]}
data: {json.dumps({name: value for name, value in LINE.items() if name not in ("status", "repeats")})}

"""
EVENT: Mapping[str, Any] = {
    **LINE,
    "request_id": "req_06bk7e8v3s9p41pf7j0q5m2c8g",
    "method": "POST",
    "url": "https://hooks.example.com/webhooks/github",
    "headers": [["Content-Type", "application/json"], ["X-GitHub-Event", "issues"]],
    "body": '{"action":"opened"}',
    "last_repeat_at": "2026-11-27T12:05:00.000Z",
    "last_repeat_request_id": "req_06bk7e8v3s9p41pf7j0q5m2c8h",
    "deliveries": [{**DEAD, "payload": None, "attempts": [ATTEMPT]}],
}
FORWARDED: Mapping[str, Any] = {
    "id": LINE["id"],
    "source": "github",
    "type": "issues.opened",
    "headers": [
        ["X-GitHub-Event", "issues"],
        ["X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"],
        ["Content-Type", "application/json"],
        ["gateway-event-id", LINE["id"]],
    ],
    "body": EVENT["body"],
}
COUNTS: Mapping[str, Any] = {
    "events": 1,
    "created": 0,
    "unshaped": 0,
    "replayed": 1,
    "repeated": 0,
    "arrived": 0,
    "waiting": 0,
    "kept_back": 0,
    "turned_away": 0,
    "unrouted": 0,
}

GONE: Mapping[str, Any] = {"events": 1, "deliveries": 1, "attempts": 11, "rejections": 0, "kept": 0}
FORGETTING: Mapping[str, Any] = {
    **WAITING,
    "kind": "events.forget",
    "payload": {
        "source": None,
        "type": None,
        "status": None,
        "since": None,
        "until": "2026-11-27T12:00:00.123456+00:00",
        "text": "ada@example.com",
        "vendor_id": None,
        "headers": None,
        "where": None,
        "is_plan": False,
    },
}

resource = Resource("events", "What came, with its exact bytes, and what became of it.")


@resource.list("/events", scope=READ, query=EventQuerySchema, answer=JournalLineSchema, example=LINE)
def list_events(acting: Acting, query: Mapping[str, Any], page: PageRequest) -> Page[JournalLine]:
    """List events, newest first.

    Looking inside of events (`q`, `header`, `where`) takes about a second at most: a page may have few events, or none,
    and still a `next_cursor`, with which the search goes on further back.
    """
    return journal.find_in_journal(
        acting, event_filter(query), page, status=status_of(query), looked_for=looked_for(query)
    )


@resource.stream("/events/stream", scope=READ, query=FollowedEventsSchema, example={"text": FOLLOWED})
def stream_events(listening: Listening, query: Mapping[str, Any]) -> AsyncGenerator[bytes, None]:
    """Follow events as they come.

    Server-sent events: `id` is the event's id, `data` the event without its contents, as JSON in one line. Each is told
    at least once. A client that was cut off sends the last id in `Last-Event-ID`, and is told what came since, besides
    what came in the five seconds before. Comments come when nothing else does for 15 seconds. The stream ends
    when the key opens no more, and when the gateway ends.
    """
    return listen(listening.hub, listening.guest, event_filter(query), listening.last_event_id)


@resource.get("/events/<event>", scope=READ, answer=JournalDetailSchema, example=EVENT)
def show_event(acting: Acting, event: str) -> JournalDetail:
    """Show an event with its contents and its deliveries. It is found by its id, and by the id that its vendor gave it.

    The body is in `body`, or in `body_base64` when it is no text. Secrets that the request carried are left out.
    """
    return journal.show_in_journal(acting, event)


@resource.get("/events/<event>/body", scope=READ, is_raw=True, example={"text": EVENT["body"]})
def show_event_body(acting: Acting, event: str) -> Raw:
    """Show the exact bytes of an event, with the content type that they came with.

    A shared secret that stood in them is sealed in its place.
    """
    found = find_event(acting, event)
    return Raw(found.body, found.content_type)


@resource.get("/events/<event>/forwarded", scope=READ, answer=ForwardedEventSchema, example=FORWARDED)
def show_forwarded_event(acting: Acting, event: str) -> ForwardedEvent:
    """Show an event as destinations see it: the vendor's headers that are passed on, with its signature, and the body.

    For who lets events come to a server on which somebody develops. A shared secret that stood in the body is sealed
    in its place, and without the vendor's secret a signature is worth nothing.
    """
    return forwarded_event(acting, event)


@resource.post(
    "/events/<event>/replay",
    scope=Scope.EVENTS_REPLAY,
    body=AimSchema,
    body_example={"again": "failed"},
    answer=ReplayCountsSchema,
    example=COUNTS,
)
def replay_event(acting: Acting, event: str, body: Mapping[str, Any]) -> ReplayCounts:
    """Deliver an event again, or for the first time.

    Without `route` and `destination` it goes where it went before: what failed is due again, what has arrived only
    with `"again": "all"`. Many by a filter are a replay: `/replays`.
    """
    return replay_one(acting, event, aim_of(body))


@resource.post("/events/<event>/forget", scope=Scope.EVENTS_FORGET, answer=ForgottenEventsSchema, example=GONE)
def forget_event(acting: Acting, event: str) -> ForgottenEvents:
    """Forget an event for good, with its deliveries and attempts, and the refused request that it was made of.

    409 while it is being delivered. If its vendor sends it again, it comes as a new event.
    """
    return forget.forget_event(acting, event)


@resource.post(
    "/events/forget",
    scope=Scope.EVENTS_FORGET,
    body=ForgetDraftSchema,
    body_example={"q": "ada@example.com", "plan": True},
    answer=JobSchema,
    example=FORGETTING,
)
def forget_events(acting: Acting, body: Mapping[str, Any]) -> JobSummary:
    """Forget many events for good, or with `plan` count them: those of one person, for instance.

    The answer is the job in which a worker does it: see `/jobs/<job>` for how far it is, and for its `result`, and
    `/jobs/<job>/cancel` to stop it; what is gone by then is gone. Events that come from now on are not meant.
    """
    return many.ask_to_forget(acting, which_forgotten(body), is_plan=body["plan"])
