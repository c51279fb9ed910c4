"""Patients or observations of a FHIR server as the port that a sync reads and writes.

What was deleted is in the server's history, where it keeps one; else complete readings find it. Cursors have the
server's own times. Lines and errors hold no content and no id: see `gateway.clients.systems.fhir`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from gateway.clients.errors import CircuitOpen, IntegrationError, PositionExpired, RemoteConflict, RemoteNotFound
from gateway.clients.paging.styles import PageRequest
from gateway.clients.systems.fhir import FhirClient
from gateway.clients.systems.fhir_bundles import SearchPage
from gateway.clients.systems.fhir_capability import Capability, capability_in
from gateway.entities.external import Abilities, Cursor, FieldRule, Mapped, Outgoing, Position, Raw, RemotePage
from gateway.errors import InvalidInput
from gateway.integrations.kinds.fhir.entities import LISTED, FhirReader, without_nothing
from gateway.integrations.kinds.rest.model import EntityDescription
from gateway.integrations.kinds.rest.writing import RecordWriter, rules_of
from gateway.integrations.kinds.sinces import later, read, written

OVERLAP: Final = timedelta(seconds=60)
PAGE_SIZE: Final = 100


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is known of a reading: the newest change in it, and until when deletions will be known after it."""

    newest: datetime | None
    began: datetime | None

    def position(self, url: str | None) -> dict[str, Any]:
        return {"url": url, "newest": self.newest and written(self.newest), "began": self.began and written(self.began)}


class FhirResource:
    """One type of resource. `search` goes with each search; `identifier_system` is that of the keys of creates."""

    default_rule = FieldRule()
    abilities = Abilities(
        is_incremental=True,
        looks_up=True,
        writes=frozenset({"create", "update", "delete"}),
        finds=True,
        is_conditional=True,
    )

    def __init__(
        self,
        name: str,
        fhir_type: str,
        entity: EntityDescription,
        client: FhirClient,
        search: Mapping[str, str],
        identifier_system: str,
    ) -> None:
        self.name = name
        self.kind = entity.kind
        self.fields: Mapping[str, FieldRule] = rules_of(entity, LISTED)
        self._type = fhir_type
        self._client = client
        self._search = dict(search)
        self._identifier_system = identifier_system
        self._reader = FhirReader(entity)
        self._writer = RecordWriter(entity)

    def pages(self, cursor: Cursor | None, at: Position | None) -> Iterator[RemotePage]:
        """As the port says."""
        since = read(cursor.get("since")) if cursor is not None else None
        deleted_since = read(cursor.get("deleted_since", cursor.get("since"))) if cursor is not None else None
        if at is None:
            # Before anything is read: what is deleted from now on is told by the next reading.
            reading = _Reading(since, since or self._ask()[1])
        else:
            reading = _Reading(
                read(at["newest"]) if at.get("newest") else None, read(at["began"]) if at.get("began") else None
            )
        url = None if at is None else at.get("url")
        if at is None or url is not None:
            for page, reading in self._found(since, url, reading):  # noqa: B020 (each page knows more)
                yield self._page(page, reading, is_full=cursor is None)
        if deleted_since is not None:
            deleted = self._deleted(deleted_since - OVERLAP)
            yield RemotePage(records=(), next=None, deleted=deleted, cursor=_cursor(reading))

    def identify(self, raw: Raw) -> str | None:
        """As the port says."""
        return self._reader.identify(raw)

    def map(self, raw: Raw) -> Mapped:
        """As the port says."""
        return self._reader.read(raw)

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        """As the port says; one call for each."""
        found: dict[str, Raw | None] = {}
        for one in ids:
            try:
                found[one] = self._client.read(self._type, one).content
            except (RemoteNotFound, InvalidInput):
                found[one] = None
            except CircuitOpen:
                break
            except IntegrationError as error:
                if not error.retryable:
                    raise
        return found

    def find(self, outgoing: Outgoing) -> Raw | None:
        """As the port says: by the identifier that the create added."""
        condition = {"identifier": f"{self._identifier_system}|{outgoing.idempotency_key}"}
        found = next(self._client.search(self._type, condition), None)
        return None if found is None else found.content

    def create(self, outgoing: Outgoing) -> Raw:
        """As the port says. A conditional create: it can be repeated, and makes nothing twice."""
        content = without_nothing(self._writer.created(outgoing))
        own = {"system": self._identifier_system, "value": outgoing.idempotency_key}
        content["identifier"] = [*content.get("identifier", ()), own]
        condition = {"identifier": f"{own['system']}|{own['value']}"}
        made = self._client.create({"resourceType": self._type, **content}, if_none_exist=condition)
        return made.resource.content if made.resource is not None else self._client.read(self._type, made.id).content

    def update(self, outgoing: Outgoing) -> Raw | None:
        """As the port says: the whole resource is read and put, bound to its version."""
        current = self._client.read(self._type, outgoing.integration_id or "")
        if outgoing.version is not None and current.version_id != outgoing.version:
            raise RemoteConflict("the resource changed meanwhile")
        content = without_nothing(self._writer.onto(current.content, outgoing))
        made = self._client.update(content, if_match=current.version_id)
        return None if made.resource is None else made.resource.content

    def delete(self, outgoing: Outgoing) -> None:
        """As the port says. A deletion is bound to no version: whether it changed is looked at right before."""
        identifier = outgoing.integration_id or ""
        try:
            if outgoing.version is not None:
                current = self._client.read(self._type, identifier)
                if current.version_id != outgoing.version:
                    raise RemoteConflict("the resource changed meanwhile")
            self._client.delete(self._type, identifier)
        except RemoteNotFound:
            return

    def _found(
        self, since: datetime | None, url: str | None, reading: _Reading
    ) -> Iterator[tuple[SearchPage, _Reading]]:
        """The pages of the search, and what is known of the reading after each."""
        start = PageRequest(url=url) if url is not None else None
        changed = since - OVERLAP if since is not None else None
        try:
            for page in self._client.search_pages(
                self._type, self._search, updated_since=changed, count=PAGE_SIZE, start=start
            ):
                for one in page.matches:
                    reading = _Reading(later(reading.newest, one.updated_at), reading.began)
                yield page, reading
        except RemoteNotFound as error:
            if start is None:
                raise
            raise PositionExpired("the server no longer keeps the page to go on from", call=error.call) from error

    def _page(self, page: SearchPage, reading: _Reading, *, is_full: bool) -> RemotePage:
        following, cursor = None, None
        if page.following is not None:
            following = reading.position(page.following.url)
        elif is_full:
            cursor = _cursor(reading)
        else:
            following = reading.position(None)
        return RemotePage(records=[one.content for one in page.matches], next=following, cursor=cursor)

    def _deleted(self, since: datetime) -> list[str]:
        """Ids of what was deleted since, where the server keeps such a history and it was not made again."""
        if not self._ask()[0].can(self._type, "history-type"):
            return []
        latest: dict[str, str] = {}
        for change in self._client.history(self._type, since=since, count=PAGE_SIZE):
            latest.setdefault(change.id, change.action)
        return [identifier for identifier, action in latest.items() if action == "delete"]

    def _ask(self) -> tuple[Capability, datetime | None]:
        """What the server can do, and its time."""
        answer = self._client.http.get("/metadata")
        try:
            at = parsedate_to_datetime(answer.headers["date"])
        except (KeyError, ValueError, TypeError):
            at = None
        document = answer.document
        return capability_in(document if isinstance(document, Mapping) else {}), at


def _cursor(reading: _Reading) -> Cursor | None:
    since = reading.newest or reading.began
    if since is None:
        return None
    return {"since": written(since), "deleted_since": written(reading.began or since)}
