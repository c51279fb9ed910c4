"""Finding API keys: all of them page by page, one by its id or name."""

from __future__ import annotations

from sqlalchemy import select

from gateway.db.paging import Page, PageRequest, page_of
from gateway.errors import Hint, NotFound
from gateway.suggestions import suggest
from gateway.tenants.acting import Acting
from gateway.tenants.api_keys.models import ApiKey
from gateway.tenants.api_keys.summary import KeySummary, summary


def find_keys(acting: Acting, page: PageRequest) -> Page[KeySummary]:
    """A page of the tenant's keys, the newest first; those that were revoked too. Raises `InvalidInput`."""
    found = page_of(acting.session, select(ApiKey), ApiKey.id, page, is_descending=True)
    return Page(tuple(summary(acting, key) for key in found.rows), found.next_cursor)


def show_key(acting: Acting, key: str) -> KeySummary:
    """One key. Raises `NotFound`."""
    return summary(acting, require_key(acting, key))


def require_key(acting: Acting, key: str) -> ApiKey:
    """The row of a key, by its id, or by its name unless it was revoked; locked where it is to be changed.

    Raises `NotFound`, with a suggestion where one is near.
    """
    session = acting.session
    for statement in (
        select(ApiKey).where(ApiKey.id == key),
        select(ApiKey).where(ApiKey.name == key, ApiKey.revoked_at.is_(None)),
    ):
        found = session.scalars(statement.with_for_update() if acting.is_writing else statement).first()
        if found is not None:
            return found
    known = session.scalars(select(ApiKey.name).where(ApiKey.revoked_at.is_(None))).all()
    raise NotFound(f"there is no API key {key!r}", suggest(key, known, Hint("list_keys")))
