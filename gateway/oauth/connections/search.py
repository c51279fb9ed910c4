"""Finding connections: all of them page by page, and one by its id."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, select

from gateway.db.paging import Page, PageRequest, page_of
from gateway.errors import Fault, InvalidInput, NotFound
from gateway.oauth.app_credentials.rows import require_app
from gateway.oauth.connections.rows import require_connection
from gateway.oauth.connections.summary import ConnectionSummary, summaries, summary
from gateway.oauth.models import Connection
from gateway.oauth.states import ConnectionState
from gateway.tenants.acting import Acting


@dataclass(frozen=True, slots=True)
class ConnectionSearch:
    """What holds for the connections of a list; None for whatever it may be. `app_credentials` is a name or an id."""

    state: ConnectionState | None = None
    provider: str | None = None
    reference: str | None = None
    app_credentials: str | None = None


ALL = ConnectionSearch()


def find_connections(acting: Acting, page: PageRequest, search: ConnectionSearch = ALL) -> Page[ConnectionSummary]:
    """A page of the tenant's connections, newest first, those that were revoked too.

    Raises `InvalidInput`, also for app credentials that are not there.
    """
    found = page_of(acting.session, _matching(acting, search), Connection.id, page, is_descending=True)
    return Page(summaries(acting.session, found.rows), found.next_cursor)


def show_connection(acting: Acting, connection_id: str) -> ConnectionSummary:
    """One connection. Raises `NotFound`."""
    return summary(acting.session, require_connection(acting.session, connection_id))


def _matching(acting: Acting, search: ConnectionSearch) -> Select[Connection]:
    wanted = {
        Connection.state: search.state,
        Connection.provider: search.provider,
        Connection.reference: search.reference,
    }
    statement = select(Connection).where(*(column == value for column, value in wanted.items() if value is not None))
    if search.app_credentials is None:
        return statement
    try:
        app = require_app(acting.session, search.app_credentials)
    except NotFound as error:
        raise InvalidInput(
            faults=[Fault("app_credentials", "unknown", str(error), hint=next(iter(error.hints), None))]
        ) from error
    return statement.where(Connection.app_credentials_id == app.id)
