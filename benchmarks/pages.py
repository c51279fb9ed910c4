"""The gateway with one page more: a list of events, by the query of `gateway events list`. For gunicorn as
`benchmarks.pages:app`.
"""

from __future__ import annotations

from flask import Response, jsonify

from gateway.db.paging import PageRequest
from gateway.delivery.journal import find_in_journal
from gateway.delivery.schema import JournalLineSchema
from gateway.events.search import EventFilter
from gateway.factory import create_server
from gateway.installation import installation_of
from gateway.server.front import Front
from gateway.tenants.acting import act
from gateway.tenants.audit import Actor, ActorKind

PAGE_ROWS = 50
SHOWN = ("id", "source", "type", "received_at", "body_bytes", "status")
READER = Actor(ActorKind.SYSTEM, "benchmarks")

_flask = create_server()
_schema = JournalLineSchema(many=True, only=SHOWN)


@_flask.get("/benchmark/events")
def list_events() -> Response:
    """The newest events."""
    with act(installation_of(_flask), actor=READER) as acting:
        page = find_in_journal(acting, EventFilter(), PageRequest(PAGE_ROWS))
    return jsonify(data=_schema.dump(page.rows))


app = Front(_flask, threads=installation_of(_flask).settings.web_threads)
