"""Finding connect sessions: all of them page by page, and one by its id."""

from __future__ import annotations

from sqlalchemy import select

from gateway.db.paging import Page, PageRequest, page_of
from gateway.errors import NotFound
from gateway.oauth.flows.sessions.summary import ConnectSessionSummary, summaries, summary
from gateway.oauth.models import ConnectSession
from gateway.tenants.acting import Acting


def find_connect_sessions(
    acting: Acting, page: PageRequest, *, reference: str | None = None
) -> Page[ConnectSessionSummary]:
    """A page of the tenant's connect sessions, newest first; `reference`: of this customer. Raises `InvalidInput`."""
    statement = select(ConnectSession)
    if reference is not None:
        statement = statement.where(ConnectSession.reference == reference)
    found = page_of(acting.session, statement, ConnectSession.id, page, is_descending=True)
    return Page(summaries(acting, found.rows), found.next_cursor)


def show_connect_session(acting: Acting, session_id: str) -> ConnectSessionSummary:
    """One connect session. Raises `NotFound`: it is forgotten a while after its end."""
    row = acting.session.scalars(select(ConnectSession).where(ConnectSession.id == session_id)).first()
    if row is None:
        raise NotFound(f"there is no connect session {session_id!r}")
    return summary(acting, row)
