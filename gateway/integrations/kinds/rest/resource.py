"""One list of a described system as the port that a sync reads and writes (`ExternalResource`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.clients.described.client import DescribedResource
from gateway.clients.errors import (
    CircuitOpen,
    IntegrationError,
    PositionExpired,
    RemoteConflict,
    RemoteNotFound,
    ResponseInvalid,
)
from gateway.clients.paging.styles import Page
from gateway.clock import Clock, from_us
from gateway.entities.external import (
    Cursor,
    FieldRule,
    Mapped,
    Outgoing,
    Position,
    Raw,
    RemotePage,
)
from gateway.integrations.kinds.rest.abilities import abilities_of, looks_first
from gateway.integrations.kinds.rest.finding import find
from gateway.integrations.kinds.rest.model import EntityDescription
from gateway.integrations.kinds.rest.paths import compile_path, present, word_of
from gateway.integrations.kinds.rest.positions import (
    Mark,
    mark_of,
    newest_of,
    position_of,
    request_of,
    without_credential,
)
from gateway.integrations.kinds.rest.reading import RecordReader
from gateway.integrations.kinds.rest.soundness import id_name, sends_record
from gateway.integrations.kinds.rest.writing import RecordWriter, rules_of
from gateway.providers.api.model import Api

MOST_AHEAD: Final = timedelta(days=1)
"""How far ahead of our clock a change may say that it was, to count: one wrong date must not hide all later changes."""


class RestResource:
    """A list that the API's description names, and what its records are as entities.

    Full readings leave a cursor where the list can be asked for what changed: the mark of its last page, or the newest
    change that any of its records had.
    """

    def __init__(self, name: str, listed: DescribedResource, api: Api, entity: EntityDescription, clock: Clock) -> None:
        self.name = name
        self.kind = entity.kind
        self._list = listed
        self._described = listed.description
        self._entity = entity
        self._clock = clock
        self._credential = api.credential
        self._reader = RecordReader(entity, self._described)
        self._writer = RecordWriter(entity)
        self._answer = compile_path(entity.answer) if entity.answer is not None else None
        self.abilities = abilities_of(entity, self._described)
        self._looks_first = looks_first(entity, self._described)
        self.fields: Mapping[str, FieldRule] = rules_of(entity, self._described)
        self.default_rule = FieldRule()

    def pages(self, cursor: Cursor | None, at: Position | None) -> Iterator[RemotePage]:
        """As the port says."""
        begun = mark_of(cursor)
        start, newest = request_of(at) if at is not None else (None, begun.since)
        self._check_age(begun)
        # A mark that is a URL stands where the first page does; further pages have URLs of their own.
        mark = begun.mark if start is None or self._mark_goes_along() else None
        options: dict[str, Any] = {"since": begun.since, "mark": mark, "query": self._entity.query, "start": start}
        try:
            for page in self._list.pages(self._entity.parameters, **options):
                newest = newest_of(newest, map(self._changed_at, page.records))
                yield self._page(page, begun, newest)
        except RemoteNotFound as error:
            if begun.mark is None and at is None:
                raise
            raise PositionExpired("the system does not know any more where to go on from", call=error.call) from error

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
                found[one] = self._read_one(one)
            except RemoteNotFound:
                found[one] = None
            except CircuitOpen:
                break
            except IntegrationError as error:
                if not error.retryable:
                    raise
        return found

    def find(self, outgoing: Outgoing) -> Raw | None:
        """As the port says, where the description says how."""
        rule = self._entity.find
        return None if rule is None else find(self._list, self._entity, rule, self._reader, outgoing)

    def create(self, outgoing: Outgoing) -> Raw:
        """As the port says."""
        answer = self._list.write(
            "create",
            self._writer.created(outgoing),
            **{**self._parameters("create"), "idempotency_key": outgoing.idempotency_key},
        )
        record = self._record_in(answer)
        made = self._reader.identify(record)
        if self._entity.returns == "record" and made is not None:
            return record
        if made is not None and self._described.one is not None:
            return self._read_one(made)
        found = self.find(outgoing)
        if found is None:
            raise ResponseInvalid(f"{self.name}: the answer to a create has no record with an id")
        return found

    def update(self, outgoing: Outgoing) -> Raw | None:
        """As the port says."""
        write = self._described.writes["update"]
        if sends_record(self._entity, write):
            content = self._writer.onto(self._current(outgoing), outgoing)
        else:
            self._look_first(outgoing)
            content = self._writer.changed(outgoing)
        answer = self._list.write("update", content, **self._bound("update", outgoing))
        if self._entity.returns != "record":
            return None
        record = self._record_in(answer)
        return record if self._reader.identify(record) == outgoing.integration_id else None

    def delete(self, outgoing: Outgoing) -> None:
        """As the port says."""
        try:
            self._look_first(outgoing)
            self._list.write("delete", **self._bound("delete", outgoing))
        except RemoteNotFound:
            return

    def _changed_at(self, record: Raw) -> datetime | None:
        at = self._reader.updated_at(record)
        return at if at is None or at - from_us(self._clock.now_us()) <= MOST_AHEAD else None

    def _page(self, page: Page, begun: Mark, newest: datetime | None) -> RemotePage:
        following = page.following
        left = None if following is not None else self._left(page, begun, newest)
        return RemotePage(
            records=page.records,
            next=None if following is None else position_of(following, newest, self._credential),
            cursor=None if left is None else left.cursor(),
            requests=page.answer.tries,
        )

    def _left(self, page: Page, begun: Mark, newest: datetime | None) -> Mark:
        """What the next reading begins from, after the last page."""
        if self._described.delta is not None:
            mark = self._list.mark_of(page) or begun.mark
            return Mark(mark=None if mark is None else without_credential(mark, self._credential))
        return Mark(since=newest) if self._described.since is not None else Mark()

    def _mark_goes_along(self) -> bool:
        delta = self._described.delta
        return delta is not None and delta.parameter is not None and self._described.method != "POST"

    def _check_age(self, begun: Mark) -> None:
        """Raises `PositionExpired` where the list does not reach back so far."""
        rule = self._described.since
        if begun.since is None or rule is None or rule.max_age_seconds is None:
            return
        if from_us(self._clock.now_us()) - begun.since > timedelta(seconds=rule.max_age_seconds - rule.overlap_seconds):
            raise PositionExpired(f"{self.name}: the system does not tell of changes that are so long ago")

    def _read_one(self, integration_id: str) -> Raw:
        record = self._record_in(self._list.one(**self._parameters("one", integration_id)))
        if self._reader.identify(record) is None:
            raise ResponseInvalid(f"{self.name}: the answer for one record has no record with an id")
        return record

    def _look_first(self, outgoing: Outgoing) -> None:
        """Raises `RemoteConflict` where it changed, of a system that would not notice by itself."""
        if self._looks_first and outgoing.version is not None:
            self._current(outgoing)

    def _current(self, outgoing: Outgoing) -> Mapping[str, Any]:
        """The record as it is, which is what the edit is based on. Raises `RemoteConflict`."""
        record = self._read_one(outgoing.integration_id or "")
        if not isinstance(record, Mapping):
            raise ResponseInvalid(f"{self.name}: one record is no object")
        if outgoing.version is not None and self._entity.version is not None:
            version = present(compile_path(self._entity.version).of(record))
            if version is not None and word_of(version) != outgoing.version:
                raise RemoteConflict(f"{self.name}: the record changed meanwhile")
        return record

    def _bound(self, action: str, outgoing: Outgoing) -> dict[str, Any]:
        """The parameters of a write to what is there, bound to the version where that can be."""
        given: dict[str, Any] = dict(self._parameters(action, outgoing.integration_id))
        if self._described.concurrency is not None:
            given["version"] = outgoing.version
        return given | {"idempotency_key": outgoing.idempotency_key}

    def _parameters(self, action: str, integration_id: str | None = None) -> dict[str, Any]:
        path = self._described.one if action == "one" else self._described.writes[action].path
        parameters: dict[str, Any] = dict(self._entity.parameters)
        name = id_name(path or "", parameters)
        return parameters if name is None else {**parameters, name: integration_id or ""}

    def _record_in(self, answer: Any) -> Raw:
        if self._answer is None:
            return answer
        found = present(self._answer.of(answer))
        return answer if found is None else found
