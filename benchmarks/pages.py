"""The gateway with one page more: a list of events, by the query of `gateway events list`. For gunicorn as
`benchmarks.pages:app`.
"""

from __future__ import annotations

from flask import Response, jsonify

from gateway.db.paging import PageRequest
from gateway.db.scope import TenantSession
from gateway.delivery.search import event_statuses
from gateway.events.search import EventFilter, find_events
from gateway.factory import create_server
from gateway.front import Front
from gateway.installation import installation_of
from gateway.tenants.directory import find_tenant
from gateway.tenants.models import DEFAULT_TENANT

PAGE_ROWS = 50

_flask = create_server()
_database = installation_of(_flask).database


def _rows(session: TenantSession) -> list[dict[str, object]]:
    page = find_events(session, EventFilter(), PageRequest(PAGE_ROWS, None))
    statuses = event_statuses(session, [event.id for event in page.rows])
    return [
        {
            "id": event.id,
            "source": event.source,
            "type": event.type,
            "received_at": event.received_at.isoformat(),
            "body_bytes": event.body_bytes,
            "status": statuses[event.id].value,
        }
        for event in page.rows
    ]


@_flask.get("/benchmark/events")
def list_events() -> Response:
    """The newest events."""
    with _database.system_session() as system:
        tenant_id = find_tenant(system, DEFAULT_TENANT).id
    with _database.tenant_session(tenant_id) as session:
        return jsonify(data=_rows(session))


app = Front(_flask, threads=installation_of(_flask).settings.web_threads)
