"""A client for an organisation of Salesforce, by its REST API.

    crm = SalesforceClient(instance_url, auth=TokenAuth(source))
    for contact in crm.get_contacts(updated_since=yesterday):
        print(contact.id, contact.email)

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest. Large amounts go by `bulk`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any, Final

from gateway.clients.auth.base import Auth
from gateway.clients.batching import in_batches
from gateway.clients.client import ApiClient
from gateway.clients.errors import RemoteNotFound, ResponseInvalid
from gateway.clients.paging.interleaving import interleaved
from gateway.clients.paging.styles import NextUrl, Page, PageRequest
from gateway.clients.systems.salesforce_answers import SalesforceJudge, Usage, error_of, first_error
from gateway.clients.systems.salesforce_bulk import SalesforceBulk
from gateway.clients.systems.salesforce_soql import instant, name
from gateway.clients.systems.salesforce_values import (
    Contact,
    Deleted,
    FieldDescription,
    Limit,
    ObjectDescription,
    Record,
    Saved,
    Updated,
    Upserted,
    contact_in,
    id_in,
    object_in,
    time_in,
)
from gateway.errors import InvalidInput

VERSION: Final = "67.0"
COLLECTION: Final = 200
"""Records per call, at most."""
MAX_PARALLEL: Final = 10
"""Queries that a user may have open at a time."""
LONGEST_WINDOW: Final = timedelta(days=30)

CONTACT_FIELDS: Final = ("Id", "FirstName", "LastName", "Email", "Phone", "AccountId", "SystemModstamp")


class SalesforceClient:
    """One organisation, as the user sees it whose token it is. `http` carries its calls out. Safe from any thread."""

    def __init__(
        self, instance_url: str, *, auth: Auth, version: str = VERSION, client_name: str | None = None, **options: Any
    ) -> None:
        """`instance_url` is the connection's (`https://acme.my.salesforce.com`). `client_name` marks our changes, so
        that change events tell them from others' (`changeOrigin`). `options` are those of `ApiClient`.

        Raises `ValueError`, `InvalidInput`.
        """
        if re.fullmatch(r"\d{2,3}\.0", version, re.ASCII) is None:
            raise InvalidInput("a version of the API is written like 67.0")
        headers = {"Accept": "application/json"}
        if client_name is not None:
            headers["Sforce-Call-Options"] = f"client={client_name}"
        self._judge = SalesforceJudge()
        given: dict[str, Any] = {"system": "salesforce", "judge": self._judge, "headers": headers}
        url = f"{instance_url.rstrip('/')}/services/data/v{version}"
        self.http = ApiClient(url, auth=auth, **given | options)
        self.bulk = SalesforceBulk(self.http, sleep=options.get("sleep", time.sleep))

    def __repr__(self) -> str:
        return f"SalesforceClient({self.http!r})"

    @property
    def usage(self) -> Usage | None:
        """How much of its daily calls the organisation used, by the last answer; None before the first."""
        return self._judge.usage

    def limits(self) -> dict[str, Limit]:
        """The organisation's limits by name (`DailyApiRequests`, …)."""
        found = object_in(self.http.json("GET", "/limits"))
        return {
            key: Limit(int(one["Max"]), int(one["Remaining"]))
            for key, one in found.items()
            if isinstance(one, Mapping) and "Max" in one and "Remaining" in one
        }

    def describe(self, sobject: str) -> ObjectDescription:
        """An object and its fields, as far as the user may see them."""
        found = object_in(self.http.json("GET", f"/sobjects/{name(sobject)}/describe"))
        fields = {
            str(one.get("name")): FieldDescription(
                str(one.get("name")),
                str(one.get("type")),
                str(one.get("label")),
                *(one.get(key) is True for key in ("externalId", "nillable", "createable", "updateable")),
            )
            for one in found.get("fields") or []
        }
        return ObjectDescription(str(found.get("name", sobject)), str(found.get("label", "")), fields, found)

    def query(self, soql: str, **options: Any) -> Iterator[Record]:
        """The records that a query finds, one by one; the options are those of `query_pages`."""
        for page in self.query_pages(soql, **options):
            yield from page.records

    def query_pages(
        self,
        soql: str,
        *,
        with_deleted: bool = False,
        batch_size: int | None = None,
        start: PageRequest | None = None,
        **options: Any,
    ) -> Iterator[Page]:
        """The pages of a query, to its end; `start` goes on from a page's `following`, which is kept for two days.

        Put values in by `salesforce_soql.soql`, which escapes them. `batch_size` (200 to 2000) is a hint. Raises
        `RemoteNotFound` when `start` is no longer kept. `options` as in `ApiClient.pages`.
        """
        headers = {"Sforce-Query-Options": f"batchSize={batch_size}"} if batch_size is not None else {}
        path = "/queryAll" if with_deleted else "/query"
        return self.http.pages(
            path,
            style=NextUrl("nextRecordsUrl"),
            records="records",
            query={"q": soql},
            start=start,
            headers=headers,
            **options,
        )

    def query_parallel(self, queries: Sequence[str], *, parallel: int = 4, **options: Any) -> Iterator[Record]:
        """The records of several queries, `parallel` at a time: of each in its order, of all in that of the answers.

        `salesforce_soql.partitions` cuts a time into conditions for them. The first query that fails ends all.
        """
        if not 1 <= parallel <= MAX_PARALLEL:
            raise InvalidInput(f"1 to {MAX_PARALLEL} queries run at a time: a user may not have more of them open")
        lists = [partial(self.query_pages, one, **options) for one in queries]
        for page in interleaved(lists, parallel=parallel):
            yield from page.records

    def get(self, sobject: str, identifier: str, *, fields: Sequence[str] = ()) -> Record:
        """A record, with these fields or all. Raises `RemoteNotFound`, also when it was deleted or merged away."""
        query = {"fields": ",".join(name(one) for one in fields) or None}
        return object_in(self.http.json("GET", f"/sobjects/{name(sobject)}/{{id}}", {"id": identifier}, query=query))

    def create(self, sobject: str, fields: Record) -> str:
        """Create a record; its id. Tried again only when that is safe: `upsert` can always be."""
        found = object_in(self.http.json("POST", f"/sobjects/{name(sobject)}", json=_fields(fields)))
        return id_in(found)

    def update(
        self, sobject: str, identifier: str, fields: Record, *, unmodified_since: datetime | None = None
    ) -> None:
        """Set fields of a record, only while nobody changed it after `unmodified_since` (whole seconds) where given.

        Raises `RemoteConflict` when somebody did.
        """
        headers = {}
        if unmodified_since is not None:
            instant(unmodified_since)
            headers["If-Unmodified-Since"] = _http_date(unmodified_since)
        # A repeat of a conditional one would meet its own first try.
        self.http.patch(
            f"/sobjects/{name(sobject)}/{{id}}",
            {"id": identifier},
            json=_fields(fields),
            headers=headers,
            may_repeat=unmodified_since is None,
        )

    def upsert(self, sobject: str, external_id_field: str, external_id: str, fields: Record) -> Upserted:
        """Set fields of the record with this external id, which is created when there is none.

        Raises `RemoteConflict` when several have it.
        """
        path = f"/sobjects/{name(sobject)}/{name(external_id_field)}/{{external_id}}"
        parameters = {"external_id": external_id}
        answer = self.http.patch(path, parameters, json=_fields(fields), may_repeat=True)
        if not answer.body:
            return Upserted(None, answer.status == 201)
        found = object_in(answer.document)
        return Upserted(id_in(found), found.get("created", answer.status == 201) is True)

    def delete(self, sobject: str, identifier: str) -> None:
        """Delete a record. Raises `RemoteNotFound` when there is none."""
        try:
            self.http.delete(f"/sobjects/{name(sobject)}/{{id}}", {"id": identifier})
        except RemoteNotFound as error:
            # What an earlier try of this call deleted is deleted.
            if error.call.tries == 1 or error.call.vendor_code != "ENTITY_IS_DELETED":
                raise

    def create_many(self, sobject: str, records: Sequence[Record], *, all_or_none: bool = False) -> Iterator[Saved]:
        """Create records, 200 a call; what became of each. `all_or_none` is for up to 200."""
        typed = [{"attributes": {"type": name(sobject)}} | _fields(one) for one in records]
        return self._collection("POST", "/composite/sobjects", typed, all_or_none, may_repeat=False)

    def update_many(self, sobject: str, records: Sequence[Record], *, all_or_none: bool = False) -> Iterator[Saved]:
        """Set fields of records, each of which names its `Id`, 200 a call; what became of each."""
        typed = []
        for number, one in enumerate(records):
            if not one.get("Id"):
                raise InvalidInput.at(f"[{number}].Id", "missing", "a record that is updated names its Id")
            rest = {key: value for key, value in one.items() if key != "Id"}
            typed.append({"attributes": {"type": name(sobject)}, "id": one["Id"]} | rest)
        return self._collection("PATCH", "/composite/sobjects", typed, all_or_none, may_repeat=True)

    def upsert_many(
        self, sobject: str, external_id_field: str, records: Sequence[Record], *, all_or_none: bool = False
    ) -> Iterator[Saved]:
        """Upsert records, each of which holds its external id, 200 a call; what became of each."""
        typed = []
        for number, one in enumerate(records):
            if one.get(external_id_field) in (None, ""):
                raise InvalidInput.at(f"[{number}].{external_id_field}", "missing", "a record holds its external id")
            typed.append({"attributes": {"type": name(sobject)}} | _fields(one))
        path = f"/composite/sobjects/{name(sobject)}/{name(external_id_field)}"
        return self._collection("PATCH", path, typed, all_or_none, may_repeat=True)

    def delete_many(self, identifiers: Sequence[str], *, all_or_none: bool = False) -> Iterator[Saved]:
        """Delete records, 200 a call; what became of each."""

        def send(some: Sequence[str]) -> Any:
            query = {"ids": ",".join(some), "allOrNone": all_or_none}
            return self.http.json("DELETE", "/composite/sobjects", query=query)

        return self._in_calls(identifiers, send, all_or_none)

    def updated(self, sobject: str, start: datetime, end: datetime) -> Updated:
        """Ids of what was created or changed between two times, at most 30 days apart.

        Raises `RequestRefused` with `EXCEEDED_ID_LIMIT` for more than 600 000: ask for a shorter time.
        """
        found = self._window(sobject, "updated", start, end)
        return Updated([str(one) for one in found.get("ids") or []], time_in(found.get("latestDateCovered")))

    def deleted(self, sobject: str, start: datetime, end: datetime) -> Deleted:
        """Ids of what was deleted between two times; Salesforce tells that for about 15 days."""
        found = self._window(sobject, "deleted", start, end)
        earliest = found.get("earliestDateAvailable")
        return Deleted(
            [(str(one.get("id")), time_in(one.get("deletedDate"))) for one in found.get("deletedRecords") or []],
            time_in(earliest) if earliest is not None else None,
            time_in(found.get("latestDateCovered")),
        )

    def get_contacts(
        self, *, updated_since: datetime | None = None, fields: Sequence[str] = (), **options: Any
    ) -> Iterator[Contact]:
        """Contacts, oldest change first; `fields` besides those of `Contact`. Options are those of `query_pages`."""
        asked = dict.fromkeys([*CONTACT_FIELDS, *(name(one) for one in fields)])
        where = f" WHERE SystemModstamp >= {instant(updated_since)}" if updated_since is not None else ""
        soql = f"SELECT {', '.join(asked)} FROM Contact{where} ORDER BY SystemModstamp, Id"  # noqa: S608
        for one in self.query(soql, **options):
            yield contact_in(one)

    def upsert_contact(self, external_id_field: str, external_id: str, fields: Record) -> Upserted:
        """Create or change the contact with this external id."""
        return self.upsert("Contact", external_id_field, external_id, fields)

    def _collection(
        self, method: str, path: str, records: Sequence[Record], all_or_none: bool, *, may_repeat: bool
    ) -> Iterator[Saved]:
        def send(some: Sequence[Record]) -> Any:
            body = {"allOrNone": all_or_none, "records": list(some)}
            return self.http.json(method, path, json=body, may_repeat=may_repeat)

        return self._in_calls(records, send, all_or_none)

    def _in_calls(
        self, items: Sequence[Any], send: Callable[[Sequence[Any]], Any], all_or_none: bool
    ) -> Iterator[Saved]:
        if all_or_none and len(items) > COLLECTION:
            raise InvalidInput(f"all or none is for up to {COLLECTION} records: more take several calls")

        def results(some: Sequence[Any]) -> list[Record]:
            found = send(some)
            if not isinstance(found, list) or len(found) != len(some):
                raise ResponseInvalid(f"salesforce: results were due for {len(some)} records, and something else came")
            return [object_in(one) for one in found]

        sent = in_batches(items, results, max_items=COLLECTION, on_refusal="raise" if all_or_none else "divide")
        return (self._saved(one.index, object_in(one.result)) for one in sent)

    def _saved(self, index: int, result: Record) -> Saved:
        identifier = result.get("id")
        error = None
        if result.get("success") is not True:
            error = self.http.of_item(error_of(first_error(result) or {}, status=None))
        return Saved(index, str(identifier) if identifier else None, result.get("created") is True, error)

    def _window(self, sobject: str, what: str, start: datetime, end: datetime) -> Record:
        instant(start), instant(end)
        if not timedelta(0) < end - start <= LONGEST_WINDOW:
            raise InvalidInput("the time begins before it ends, and is at most 30 days long")
        query = {"start": instant(start), "end": instant(end)}
        return object_in(self.http.json("GET", f"/sobjects/{name(sobject)}/{what}/", query=query))


def _fields(fields: Record) -> dict[str, Any]:
    if not fields or any(key.lower() == "id" for key in fields):
        raise InvalidInput("fields are given by name, and Id is not one that can be set")
    return dict(fields)


def _http_date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC), usegmt=True)
