"""Connections that ended at their provider, as a webhook of it tells: ended here too, and nobody is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import orjson
from sqlalchemy import select, text

from gateway.events.at_rest import open_request_part
from gateway.events.models import Event
from gateway.oauth.ending.notice import Ended, read_notice
from gateway.oauth.ending.revoking import GRANTED, revoke_row
from gateway.oauth.models import IS_LIVE, AppCredentials, Connection
from gateway.telemetry.logging import get_logger
from gateway.tenants.acting import Acting

if TYPE_CHECKING:
    from gateway.jobs.run import JobRun

AT_PROVIDER: Final = "ended_at_provider"

_log = get_logger(__name__)


def carry_out(run: JobRun) -> Mapping[str, object]:
    """End the tenant's connections that an event tells of, all in one transaction. Done again it changes nothing."""
    event_id = run.payload["event"]
    with run.begin() as acting:
        event = acting.session.get(Event, event_id)
        ended = () if event is None else _read(acting, event)
        if event is None or not ended:
            return {"outcome": "says_nothing" if event is not None else "gone"}
        apps = _apps(acting, event.provider)
        if len({app.client_id for app in apps.values()}) > 1 and not all(one.app for one in ended):
            _log.warning(
                "the provider says that a grant has ended, and not which of the apps it was of: nothing is ended",
                event_id=event_id,
                provider=event.provider,
            )
            return {"outcome": "app_not_told"}
        detail = f"the event {event_id} ({event.type}) of the source {event.source!r} says so"
        found = {row.id: row for one in ended for row in _meant(acting, event.provider, one, apps)}
        for row in found.values():
            revoke_row(acting, row, reason=AT_PROVIDER, detail=detail, tells_provider=False)
    return {"outcome": "ended", "connections": len(found)}


def _read(acting: Acting, event: Event) -> tuple[Ended, ...]:
    entry = acting.installation.provider(event.provider)
    if entry is None or entry.oauth is None:
        return ()
    body = open_request_part(acting.keyring, event.body, tenant_id=event.tenant_id, source=event.source)
    headers = [(name, value) for name, value in orjson.loads(event.headers)]
    return read_notice(entry.oauth.ended_by, event.type, body, headers, event.received_at)


def _apps(acting: Acting, provider: str) -> dict[str, AppCredentials]:
    rows = acting.session.scalars(select(AppCredentials).where(AppCredentials.provider == provider))
    return {row.id: row for row in rows}


def _meant(acting: Acting, provider: str, ended: Ended, apps: Mapping[str, AppCredentials]) -> Iterator[Connection]:
    """Live connections that were granted before the end: one that was connected again since is another grant."""
    live = select(Connection).where(
        Connection.provider == provider,
        Connection.connected_at <= ended.at,
        Connection.way.in_(GRANTED),
        text(IS_LIVE),
    )
    if "account_id" in ended.account:
        live = live.where(Connection.account_id.in_(ended.account["account_id"]))
    for row in acting.session.scalars(live.order_by(Connection.id).with_for_update()):
        app = apps.get(row.app_credentials_id or "")
        of_app = {"client_id": app.client_id} if app is not None else {}
        if ended.is_of({**row.parameters, **row.kept, "account_id": row.account_id, **of_app}):
            yield row
