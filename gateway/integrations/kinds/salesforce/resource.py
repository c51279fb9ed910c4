"""One object of Salesforce as the port that a sync reads and writes.

An incremental reading has two parts: records whose SystemModstamp is new enough, then what was deleted. Salesforce
tells of deletions of the last 15 days only, and sometimes of less: what it does not cover any more is a
`PositionExpired`, and the complete reading that follows finds what is gone. Cursors have Salesforce's own times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from gateway.clients.errors import PositionExpired, RemoteConflict, RemoteNotFound, RequestRefused
from gateway.clients.paging.styles import Page, PageRequest
from gateway.clients.systems.salesforce import SalesforceClient
from gateway.clients.systems.salesforce_soql import instant, soql
from gateway.clock import Clock, from_us
from gateway.entities.external import Abilities, Cursor, FieldRule, Mapped, Outgoing, Position, Raw, RemotePage
from gateway.integrations.kinds.rest.writing import RecordWriter, rules_of
from gateway.integrations.kinds.salesforce.entities import (
    LISTED,
    MERGED,
    SalesforceObject,
    asked_fields,
    reader_of,
)
from gateway.integrations.kinds.sinces import later, read, written

OVERLAP: Final = timedelta(minutes=5)
"""How far readings go back before what was covered: transactions that were long become visible late."""
DELETIONS_KEPT: Final = timedelta(days=15)
IDS_A_QUERY: Final = 200
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", re.ASCII)


class SalesforceResource:
    """Contacts, accounts or leads. `external_id_field` is a field of Salesforce's that takes the key of a create."""

    default_rule = FieldRule()

    def __init__(
        self, name: str, found: SalesforceObject, client: SalesforceClient, clock: Clock, external_id_field: str | None
    ) -> None:
        self.name = name
        self.kind = found.entity.kind
        self._object = found
        self._client = client
        self._clock = clock
        self._external_id_field = external_id_field
        self._reader = reader_of(found)
        self._writer = RecordWriter(found.entity)
        self._fields = asked_fields(found)
        self.fields: Mapping[str, FieldRule] = rules_of(found.entity, LISTED)
        self.abilities = Abilities(
            is_incremental=True,
            looks_up=True,
            writes=frozenset({"create", "update", "delete"}),
            finds=external_id_field is not None,
            is_conditional=True,
        )

    def pages(self, cursor: Cursor | None, at: Position | None) -> Iterator[RemotePage]:
        """As the port says."""
        since, deleted_until = _of(cursor)
        if cursor is not None:
            self._check_deletions(deleted_until)
        newest, began, start = since, None, None
        if at is not None:
            newest = read(at["newest"]) if at.get("newest") else since
            began = read(at["began"]) if at.get("began") else None
            start = PageRequest(url=str(at["url"])) if at.get("url") else None
        if at is None or start is not None:
            for page in self._records(since, start):
                began = began or _said_at(page, newest)
                for raw in page.records:
                    newest = later(newest, self._reader.updated_at(raw))
                yield self._page(page, newest, began, is_full=cursor is None)
        if cursor is not None:
            yield self._deletions(deleted_until, newest)

    def identify(self, raw: Raw) -> str | None:
        """As the port says."""
        return self._reader.identify(raw)

    def map(self, raw: Raw) -> Mapped:
        """As the port says."""
        return self._reader.read(raw)

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        """As the port says, 200 a call; what was deleted says so, and what it was merged into."""
        found: dict[str, Raw | None] = dict.fromkeys(ids)
        good = [one for one in ids if _ID.fullmatch(one)]
        for index in range(0, len(good), IDS_A_QUERY):
            some = good[index : index + IDS_A_QUERY]
            for raw in self._client.query(self._of_ids(some), with_deleted=True):
                if raw.get("Id") in found:
                    found[str(raw["Id"])] = raw
        return found

    def find(self, outgoing: Outgoing) -> Raw | None:
        """As the port says: by the key in the external id's field."""
        if self._external_id_field is None:
            return None
        condition = soql(f"{self._external_id_field} = {{key}}", key=outgoing.idempotency_key)
        return next(self._client.query(f"{self._select()} WHERE {condition} LIMIT 1"), None)

    def create(self, outgoing: Outgoing) -> Raw:
        """As the port says. With an external id's field the call can be repeated, and makes nothing twice."""
        fields, sobject = self._writer.created(outgoing), self._object.sobject
        if self._external_id_field is None:
            made: str | None = self._client.create(sobject, fields)
        else:
            made = self._client.upsert(sobject, self._external_id_field, outgoing.idempotency_key, fields).id
        found = self.find(outgoing) if made is None else self.look_up([made])[made]
        if found is None:
            raise RemoteNotFound(f"{self.name}: what was just made is not there")
        return found

    def update(self, outgoing: Outgoing) -> Raw | None:
        """As the port says. Salesforce answers nothing."""
        fields = self._writer.changed(outgoing)
        if fields:
            version = outgoing.version
            unmodified = read(version) if version is not None else None
            self._client.update(self._object.sobject, _id(outgoing), fields, unmodified_since=unmodified)
        return None

    def delete(self, outgoing: Outgoing) -> None:
        """As the port says. Salesforce binds no deletion to a version: whether it changed is looked at right before."""
        identifier = _id(outgoing)
        if outgoing.version is not None:
            raw = self.look_up([identifier])[identifier]
            if raw is None or self._reader.is_deleted(raw):
                return
            self._check_version(raw, outgoing.version)
        try:
            self._client.delete(self._object.sobject, identifier)
        except RemoteNotFound:
            return

    def _check_version(self, raw: Raw, version: str) -> None:
        if self._reader.read(raw).version != version:
            raise RemoteConflict(f"{self.name}: the record changed meanwhile")

    def _select(self) -> str:
        return f"SELECT {', '.join(self._fields)} FROM {self._object.sobject}"  # noqa: S608 (names are checked)

    def _of_ids(self, ids: Sequence[str]) -> str:
        merged = ["MasterRecordId"] if self._object.sobject in MERGED else []
        fields = ", ".join([*self._fields, *merged])
        condition = soql("Id IN {ids}", ids=list(ids))
        return f"SELECT {fields} FROM {self._object.sobject} WHERE {condition}"  # noqa: S608 (escaped by `soql`)

    def _records(self, since: datetime | None, start: PageRequest | None) -> Iterator[Page]:
        where = f" WHERE SystemModstamp >= {instant(since - OVERLAP)}" if since is not None else ""
        try:
            yield from self._client.query_pages(f"{self._select()}{where} ORDER BY SystemModstamp, Id", start=start)
        except RemoteNotFound as error:
            raise PositionExpired("Salesforce keeps the rest of the query no longer", call=error.call) from error

    def _page(self, page: Page, newest: datetime | None, began: datetime | None, *, is_full: bool) -> RemotePage:
        at = {"newest": newest and written(newest), "began": began and written(began)}
        cursor, following = None, None
        if page.following is not None:
            following = {**at, "url": page.following.url}
        elif not is_full:
            following = {**at, "url": None}
        else:
            cursor = _cursor(newest, began)
        return RemotePage(records=page.records, next=following, cursor=cursor, requests=page.answer.tries)

    def _check_deletions(self, deleted_until: datetime) -> None:
        """Raises `PositionExpired` for a time of which Salesforce tells no deletions."""
        if from_us(self._clock.now_us()) - deleted_until > DELETIONS_KEPT - OVERLAP - timedelta(hours=1):
            raise PositionExpired(
                "Salesforce tells of deletions of the last 15 days only, and the last sync was before"
            )

    def _deletions(self, deleted_until: datetime, newest: datetime | None) -> RemotePage:
        """What was deleted since, with what it was merged into. Raises `PositionExpired` where that is not known."""
        start = deleted_until - OVERLAP
        # The end only has to lie behind; how far it was covered is said in the answer.
        end = max(from_us(self._clock.now_us()), start + timedelta(minutes=2))
        found = self._client.deleted(self._object.sobject, start, end)
        if found.known_since is not None and found.known_since > start:
            raise PositionExpired("Salesforce tells of deletions since a later time than the last sync")
        ids = [identifier for identifier, _ in found.records]
        looked_up = self.look_up(ids)
        return RemotePage(
            records=[raw for raw in looked_up.values() if raw is not None],
            deleted=[identifier for identifier, raw in looked_up.items() if raw is None],
            next=None,
            cursor=_cursor(newest, found.covered_until),
            requests=1 + -(-len(ids) // IDS_A_QUERY),
        )


def _of(cursor: Cursor | None) -> tuple[datetime | None, datetime]:
    """Since when records, and until when deletions are known."""
    if cursor is None:
        return None, from_us(0)
    deleted_until = read(cursor.get("deleted_until"))
    return (read(cursor["since"]) if cursor.get("since") else deleted_until), deleted_until


def _cursor(newest: datetime | None, deleted_until: datetime | None) -> Cursor | None:
    until = deleted_until or newest
    if until is None:
        return None
    return {"since": newest and written(newest), "deleted_until": written(until)}


def _said_at(page: Page, newest: datetime | None) -> datetime | None:
    """Salesforce's time when a reading began: that of its first answer."""
    try:
        return parsedate_to_datetime(page.answer.headers["date"])
    except (KeyError, ValueError, TypeError):
        return newest


def _id(outgoing: Outgoing) -> str:
    identifier = outgoing.integration_id or ""
    if _ID.fullmatch(identifier) is None:
        raise RequestRefused("this is no id of Salesforce's")
    return identifier
