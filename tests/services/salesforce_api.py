"""An organisation of Salesforce in memory, as its REST API gives it (shapes: developer.salesforce.com, REST API)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from tests.services.json_server import Asked, Said

ROOT = "/services/data/v67.0"


@dataclass
class SalesforceApi:
    """Records by object and id. `clock` is Salesforce's own. `page_size` is of queries. `deletions_since` is the
    earliest deletion that it tells of. `locators_end`: what is left of queries is forgotten.
    """

    token: str
    clock: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(days=2))
    page_size: int = 40
    records: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    deletions_since: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    rests: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    lost_answers: int = 0
    writes: list[tuple[str, str, Any]] = field(default_factory=list)

    def now(self) -> str:
        self.clock += timedelta(minutes=1)
        return written(self.clock)

    def add(self, sobject: str, **fields: Any) -> dict[str, Any]:
        records = self.records.setdefault(sobject, {})
        prefix = {"Contact": "003", "Account": "001", "Lead": "00Q"}[sobject]
        identifier = f"{prefix}{len(records):012}AAA"
        name = " ".join(str(fields[key]) for key in ("FirstName", "LastName") if fields.get(key))
        record = {"Id": identifier, "Name": name, "IsDeleted": False, "SystemModstamp": self.now(), **fields}
        records[identifier] = record
        return record

    def touch(self, record: dict[str, Any], **fields: Any) -> None:
        record.update(fields, SystemModstamp=self.now())

    def delete(self, record: dict[str, Any], *, into: str | None = None) -> None:
        self.touch(record, IsDeleted=True, MasterRecordId=into)

    def __call__(self, asked: Asked) -> Said:
        said = self._answer(asked)
        headers = {"Date": format_datetime(self.clock, usegmt=True), "Sforce-Limit-Info": "api-usage=17/15000"}
        return Said(said.status, said.document, headers)

    def _answer(self, asked: Asked) -> Said:
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return error(401, "INVALID_SESSION_ID", f"Session expired or invalid: {asked.headers['authorization']}")
        head, *rest = asked.path.removeprefix(ROOT).strip("/").split("/")
        if head == "limits":
            return Said(200, {"DailyApiRequests": {"Max": 15000, "Remaining": 14983}})
        if head in {"query", "queryAll"}:
            found = self._rest(rest[0]) if rest else self._query(asked.query["q"], with_deleted=head == "queryAll")
            return found if isinstance(found, Said) else self._page(found)
        return self._sobjects(asked, *rest)

    def _query(self, text: str, *, with_deleted: bool) -> list[dict[str, Any]]:
        matched = re.fullmatch(r"SELECT (.+) FROM (\w+)(?: WHERE (.+?))?(?: ORDER BY .+?)?(?: LIMIT \d+)?", text)
        assert matched is not None, text
        fields, sobject, where = matched[1].split(", "), matched[2], matched[3] or ""
        records = list(self.records.get(sobject, {}).values())
        found = [one for one in records if (with_deleted or not one["IsDeleted"]) and meets(one, where)]
        found.sort(key=lambda one: (one["SystemModstamp"], one["Id"]))
        return [{"attributes": {"type": sobject}} | {name: one.get(name) for name in fields} for one in found]

    def _page(self, found: list[dict[str, Any]]) -> Said:
        page, rest = found[: self.page_size], found[self.page_size :]
        document: dict[str, Any] = {"totalSize": len(found), "done": not rest, "records": page}
        if rest:
            locator = f"01g{len(self.rests)}"
            self.rests[locator] = rest
            document["nextRecordsUrl"] = f"{ROOT}/query/{locator}"
        return Said(200, document)

    def _rest(self, locator: str) -> list[dict[str, Any]] | Said:
        kept = self.rests.get(locator)
        if kept is None:
            return error(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return [one | self._now(one) for one in kept]

    def _now(self, record: dict[str, Any]) -> dict[str, Any]:
        """A record of a query as it is by now."""
        live = self.records[record["attributes"]["type"]][record["Id"]]
        return {name: value for name, value in live.items() if name in record}

    def _sobjects(self, asked: Asked, sobject: str, *rest: str) -> Said:
        records = self.records.setdefault(sobject, {})
        if asked.method != "GET":
            self.writes.append((asked.method, asked.path, asked.document))
        if not rest:
            return Said(201, {"id": self.add(sobject, **asked.document)["Id"], "success": True, "errors": []})
        if rest[0] == "deleted":
            return self._deleted(records, asked)
        if len(rest) == 2:
            return self._upsert(sobject, rest[0], rest[1], asked.document)
        record = records.get(rest[0])
        if record is None or record["IsDeleted"]:
            return error(404, "ENTITY_IS_DELETED" if record else "NOT_FOUND", "entity is deleted")
        if asked.method == "DELETE":
            self.delete(record)
            return Said(204)
        since = asked.headers.get("if-unmodified-since")
        changed = datetime.fromisoformat(record["SystemModstamp"]).replace(microsecond=0)
        if since is not None and changed > parsedate_to_datetime(since):
            return error(412, "ENTITY_MODIFIED", "the record was modified")
        self.touch(record, **asked.document)
        return Said(204)

    def _upsert(self, sobject: str, name: str, value: str, fields: dict[str, Any]) -> Said:
        known = next((one for one in self.records[sobject].values() if one.get(name) == value), None)
        record = known or self.add(sobject, **{name: value}, **fields)
        if known is not None:
            self.touch(known, **fields)
        if self.lost_answers > 0:
            self.lost_answers -= 1
            return error(503, "SERVER_UNAVAILABLE", "try again")
        return Said(200 if known else 201, {"id": record["Id"], "success": True, "created": known is None})

    def _deleted(self, records: dict[str, dict[str, Any]], asked: Asked) -> Said:
        start, end = (datetime.fromisoformat(asked.query[name]) for name in ("start", "end"))
        gone = [one for one in records.values() if one["IsDeleted"] and start <= at(one) <= end]
        document = {
            "deletedRecords": [{"id": one["Id"], "deletedDate": one["SystemModstamp"]} for one in gone],
            "earliestDateAvailable": written(self.deletions_since),
            "latestDateCovered": written(min(end, self.clock)),
        }
        return Said(200, document)


def at(record: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(record["SystemModstamp"])


def written(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def meets(record: dict[str, Any], where: str) -> bool:
    """The three conditions that are asked for."""
    if not where:
        return True
    name, operator, value = re.fullmatch(r"(\w+) (>=|=|IN) (.+)", where).groups()  # type: ignore[union-attr]
    if operator == ">=":
        return at(record) >= datetime.fromisoformat(value)
    values = re.findall(r"'([^']*)'", value)
    return record.get(name) in values


def error(status: int, code: str, message: str) -> Said:
    return Said(status, [{"errorCode": code, "message": message}])
