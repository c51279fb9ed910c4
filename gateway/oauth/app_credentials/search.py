"""Finding app credentials: all of them page by page, and some by their name or id."""

from __future__ import annotations

from sqlalchemy import select

from gateway.db.paging import Page, PageRequest, page_of
from gateway.oauth.app_credentials.rows import require_app
from gateway.oauth.app_credentials.summary import AppSummary, summaries, summary
from gateway.oauth.models import AppCredentials
from gateway.tenants.acting import Acting


def find_apps(acting: Acting, page: PageRequest) -> Page[AppSummary]:
    """A page of the tenant's app credentials, by name. Raises `InvalidInput`."""
    found = page_of(acting.session, select(AppCredentials), AppCredentials.name, page)
    return Page(summaries(acting, found.rows), found.next_cursor)


def show_app(acting: Acting, app: str) -> AppSummary:
    """Those of this name or id; where they may be changed, nobody else changes them meanwhile. Raises `NotFound`."""
    return summary(acting, require_app(acting.session, app, lock=acting.is_writing))
