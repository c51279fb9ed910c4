"""An external system in memory, behind the port of `gateway.entities.external`: lists with cursors and versions, writes
with preconditions and idempotency keys, and whatever a real one does wrong, when a test says so.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.clients.errors import FailedCall, PositionExpired, RemoteConflict, RemoteNotFound
from gateway.entities.external import (
    Abilities,
    Cursor,
    Direction,
    External,
    FieldRule,
    Mapped,
    Outgoing,
    Position,
    Raw,
    RecordInvalid,
    RemotePage,
)
from gateway.errors import Fault

BOTH_WAYS = FieldRule(direction=Direction.BOTH)
BEGINNING = datetime(2026, 11, 1, tzinfo=UTC)
EVERYTHING = Abilities(
    is_incremental=True,
    looks_up=True,
    writes=frozenset({"create", "update", "delete"}),
    finds=True,
    is_conditional=True,
)
_OWN = frozenset({"id", "name", "state", "parent", "area", "version", "updated", "deleted", "merged_into", "mark"})

Hook = Callable[[str, Any], None]
"""Called with an operation (`pages`, `look_up`, `find`, `create`, `update`, `delete`) and what it is about: the number
of the page that is asked for, ids, or an `Outgoing`. What it raises is what the operation does.
"""


@dataclass
class MemoryResource:
    """One list. `records` are in the order in which they are listed, each with `id`, `version` and `updated` (a count
    of changes); `before` and `after` are called around each operation, so that a fault can come before or after it
    took effect. `reshape` gives a page its last shape. `expired_before`: cursors of before that count are not known any
    more. `overlap` is how many changes an incremental reading goes back. `answers`: an update says what it made.
    """

    name: str = "contacts"
    kind: str = "contact"
    abilities: Abilities = EVERYTHING
    fields: Mapping[str, FieldRule] = field(default_factory=dict)
    default_rule: FieldRule = BOTH_WAYS
    page_size: int = 100
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    removed: list[tuple[int, str]] = field(default_factory=list)
    changes: int = 0
    expired_before: int = 0
    overlap: int = 0
    answers: bool = True
    mark: str | None = None
    before: list[Hook] = field(default_factory=list)
    after: list[Hook] = field(default_factory=list)
    reshape: Callable[[RemotePage, int], RemotePage] | None = None
    normalise: Callable[[dict[str, Any]], None] = lambda _record: None
    calls: list[tuple[str, Any]] = field(default_factory=list)
    made: dict[str, str] = field(default_factory=dict)
    # Pipelines load several records at a time: each write is one step, so that no id is given twice.
    writing: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    # What the system's own people do.

    def put(self, record_id: str, **values: Any) -> dict[str, Any]:
        """Add a record, or change some of its members; as the system does it, with a new version."""
        with self.writing:
            self.changes += 1
            record = self.records.setdefault(record_id, {"id": record_id, "version": 0})
            record.update(copy.deepcopy(values), version=record["version"] + 1, updated=self.changes)
            record.setdefault("mark", None)
            if "mark" not in values:
                record["mark"] = None
            self.normalise(record)
            return record

    def fill(self, count: int, start: int = 0, **values: Any) -> None:
        """Add records `c0`, `c1`, … with a name and a number."""
        for number in range(start, start + count):
            self.put(f"c{number}", **{"name": f"Contact {number}", "number": number, **values})

    def remove(self, record_id: str) -> None:
        """Take a record away; an incremental reading tells of it."""
        with self.writing:
            self.changes += 1
            del self.records[record_id]
            self.removed.append((self.changes, record_id))

    def count(self, operation: str) -> int:
        """How often it was called."""
        return sum(1 for called, _ in self.calls if called == operation)

    # The port.

    def pages(self, cursor: Cursor | None, at: Position | None) -> Iterator[RemotePage]:
        where = dict(at) if at is not None else {"offset": 0, "page": 1, "begun": self.changes}
        since = None if cursor is None else int(cursor["after"])
        if since is not None and since < self.expired_before:
            raise PositionExpired(f"{self.name}: what changed since {since} is not known any more")
        while True:
            self._enter("pages", where["page"])
            page = self._page(since, where)
            if self.reshape is not None:
                page = self.reshape(page, where["page"])
            self._leave("pages", where["page"])
            yield page
            if page.next is None:
                return
            where = dict(page.next)

    def identify(self, raw: Raw) -> str | None:
        found = raw.get("id") if isinstance(raw, dict) else None
        return found if isinstance(found, str) else None

    def map(self, raw: Raw) -> Mapped:
        if not isinstance(raw, dict) or not isinstance(raw.get("id"), str):
            raise RecordInvalid("it is no record with an id", faults=(Fault("/id", "missing", "an id is missing"),))
        if not isinstance(raw.get("name", ""), str):
            raise RecordInvalid("its name is no text", faults=(Fault("/name", "wrong_type", "must be a text"),))
        updated = raw.get("updated")
        return Mapped(
            integration_id=raw["id"],
            name=raw.get("name"),
            attributes={name: value for name, value in raw.items() if name not in _OWN},
            state=raw.get("state"),
            parent=raw.get("parent"),
            area=raw.get("area"),
            version=None if raw.get("version") is None else str(raw["version"]),
            updated_at=None if updated is None else BEGINNING + timedelta(seconds=updated),
            mark=raw.get("mark"),
            is_deleted=bool(raw.get("deleted")),
            merged_into=raw.get("merged_into"),
        )

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        self._enter("look_up", list(ids))
        found = {one: copy.deepcopy(self.records.get(one)) for one in ids}
        self._leave("look_up", list(ids))
        return found

    def find(self, outgoing: Outgoing) -> Raw | None:
        self._enter("find", outgoing)
        found = self.records.get(self.made.get(outgoing.idempotency_key, ""))
        self._leave("find", outgoing)
        return copy.deepcopy(found)

    def create(self, outgoing: Outgoing) -> Raw:
        self._enter("create", outgoing)
        with self.writing:
            record_id = outgoing.integration_id or f"made-{self.changes + 1}"
            made = self.put(record_id, **self._written(outgoing))
            self.made[outgoing.idempotency_key] = record_id
        self._leave("create", outgoing)
        return copy.deepcopy(made)

    def update(self, outgoing: Outgoing) -> Raw | None:
        self._enter("update", outgoing)
        with self.writing:
            self._require_version(outgoing)
            assert outgoing.integration_id is not None
            changed = self.put(outgoing.integration_id, **self._written(outgoing))
        self._leave("update", outgoing)
        return copy.deepcopy(changed) if self.answers else None

    def delete(self, outgoing: Outgoing) -> None:
        self._enter("delete", outgoing)
        assert outgoing.integration_id is not None
        with self.writing:
            if outgoing.integration_id in self.records:
                self._require_version(outgoing)
                self.remove(outgoing.integration_id)
        self._leave("delete", outgoing)

    def _page(self, since: int | None, where: dict[str, Any]) -> RemotePage:
        """Everything by its place in the list, so that it shifts; what changed by when it did, so that it does not."""
        if since is None:
            left = list(self.records.values())[where["offset"] :]
        else:
            past = where.get("past", since - self.overlap)
            left = sorted((one for one in self.records.values() if one["updated"] > past), key=_updated)
        shown = left[: self.page_size]
        if len(left) > self.page_size:
            step = {"offset": where["offset"] + self.page_size, "page": where["page"] + 1}
            following = {**where, **step, **({} if since is None else {"past": shown[-1]["updated"]})}
            cursor = None if since is None else {"after": max(since, shown[-1]["updated"])}
            return RemotePage(records=copy.deepcopy(shown), next=following, cursor=cursor)
        gone = [] if since is None else [one for at, one in self.removed if at > since - self.overlap]
        return RemotePage(
            records=copy.deepcopy(shown),
            next=None,
            cursor={"after": max(since or 0, where["begun"])},
            deleted=[one for one in gone if one not in self.records],
        )

    def _written(self, outgoing: Outgoing) -> dict[str, Any]:
        named = {name: getattr(outgoing, name) for name in ("name", "parent") if getattr(outgoing, name) is not None}
        return {**named, **outgoing.fields, "mark": self.mark and f"{self.mark}{outgoing.idempotency_key}"}

    def _require_version(self, outgoing: Outgoing) -> None:
        there = self.records.get(outgoing.integration_id or "")
        if there is None:
            raise RemoteNotFound(f"there is no {self.kind} {outgoing.integration_id!r}", call=FailedCall(status=404))
        if outgoing.version is not None and outgoing.version != str(there["version"]):
            raise RemoteConflict(f"its version is {there['version']}", call=FailedCall(status=412))

    def _enter(self, operation: str, about: Any) -> None:
        self.calls.append((operation, about))
        for hook in list(self.before):
            hook(operation, about)

    def _leave(self, operation: str, about: Any) -> None:
        for hook in list(self.after):
            hook(operation, about)


def _updated(record: Mapping[str, Any]) -> int:
    return int(record["updated"])


def failing(operation: str, error: Exception, *, times: int = 1, about: object = None) -> Hook:
    """A hook by which `operation` fails so often; only where it is about this page, if that is given."""
    left = [times]

    def fail(called: str, what: Any) -> None:
        if called == operation and left[0] and about in (None, what):
            left[0] -= 1
            raise error

    return fail


def without(**changes: Any) -> Abilities:
    """What the twin can do, but for this."""
    return replace(EVERYTHING, **changes)


def external_of(*resources: MemoryResource, instance_id: str, tenant_id: str, name: str = "crm") -> External:
    """The system, opened for an integration."""
    return External(
        instance_id=instance_id,
        tenant_id=tenant_id,
        name=name,
        integration_name="memory",
        resources=resources,
    )
