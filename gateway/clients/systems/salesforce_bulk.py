"""Bulk API 2.0 of Salesforce: jobs for more than some thousand records, as CSV.

https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_api_2_0.htm
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from gateway.clients.client import ApiClient
from gateway.clients.errors import DeadlineExceeded, FailedCall, IntegrationError, RequestRefused, ResponseInvalid
from gateway.clients.judging import excerpt
from gateway.clients.paging.reading import pages
from gateway.clients.paging.styles import HeaderToken, PageRequest
from gateway.clients.systems.salesforce_answers import error_of
from gateway.clients.systems.salesforce_soql import instant, name
from gateway.clients.values import Answer
from gateway.errors import InvalidInput

MAX_JOB_BYTES: Final = 90 * 1024 * 1024
"""Of CSV per job: the system takes 150 MB once it wrote them in Base64."""
PAGE_RECORDS: Final = 10_000
PAGE_BYTES: Final = 256 * 1024 * 1024
TRANSFER_SECONDS: Final = 600.0
FIRST_LOOK_SECONDS: Final = 1.0
LONGEST_LOOK_SECONDS: Final = 30.0

Kind = Literal["query", "ingest"]
Operation = Literal["insert", "update", "upsert", "delete", "hardDelete"]
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Job:
    """A job: `state` is Salesforce's word. Its results are kept for seven days."""

    kind: Kind
    id: str
    state: str
    processed: int
    failed: int
    message: str

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens in it."""
        return self.state in {"JobComplete", "Failed", "Aborted"}


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A record that was not taken, as it was sent, and why."""

    row: Row = field(repr=False)
    error: IntegrationError


class SalesforceBulk:
    """Jobs of one organisation. `sleep` waits between looks at a job. Safe from any thread."""

    def __init__(self, http: ApiClient, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._http = http
        self._sleep = sleep

    def query(self, soql: str, *, with_deleted: bool = False, wait_seconds: float = 3600) -> Iterator[dict[str, str]]:
        """The rows that a query finds, all values as text, null as empty text.

        Raises `DeadlineExceeded` when it takes longer than `wait_seconds`; the job goes on.
        """
        job = self.wait(self.start_query(soql, with_deleted=with_deleted), wait_seconds=wait_seconds)
        yield from self.rows(job)

    def start_query(self, soql: str, *, with_deleted: bool = False) -> Job:
        """Begin a query, without waiting."""
        body = {"operation": "queryAll" if with_deleted else "query", "query": soql}
        return self._job("query", self._http.json("POST", "/jobs/query", json=body))

    def ingest(
        self,
        sobject: str,
        operation: Operation,
        records: Iterable[Mapping[str, object]],
        *,
        external_id_field: str | None = None,
        max_bytes: int = MAX_JOB_BYTES,
        wait_seconds: float = 3600,
    ) -> Iterator[Job]:
        """Write records, in as many jobs as their size takes, one after the other; each job once it is over.

        `failures` and `unprocessed` of a job tell what was not written. None sets a field to nothing. All records have
        the same fields. Raises `InvalidInput`; `RequestRefused` for a job that fails as a whole.
        """
        for content in csv_parts(records, max_bytes):
            job = self.start_ingest(sobject, operation, content, external_id_field=external_id_field)
            yield self.wait(job, wait_seconds=wait_seconds)

    def start_ingest(
        self, sobject: str, operation: Operation, content: bytes, *, external_id_field: str | None = None
    ) -> Job:
        """Begin writing `content`, CSV with a header and LF, without waiting. What cannot be sent whole is aborted."""
        if (operation == "upsert") != (external_id_field is not None):
            raise InvalidInput("an upsert, and nothing else, names its external_id_field")
        body = {"object": name(sobject), "operation": operation, "lineEnding": "LF", "contentType": "CSV"}
        if external_id_field is not None:
            body["externalIdFieldName"] = name(external_id_field)
        job = self._job("ingest", self._http.json("POST", "/jobs/ingest", json=body))
        path, parameters = "/jobs/ingest/{id}", {"id": job.id}
        try:
            self._http.put(
                f"{path}/batches", parameters, body=content, content_type="text/csv", timeout_seconds=TRANSFER_SECONDS
            )
        except IntegrationError:
            # What kept it from being sent is what the caller hears of, also when it cannot be aborted either.
            with suppress(IntegrationError):
                self.abort(job)
            raise
        found = self._http.json("PATCH", path, parameters, json={"state": "UploadComplete"}, may_repeat=True)
        return self._job("ingest", found)

    def abort(self, job: Job) -> None:
        """End a job; what it did stays."""
        path = f"/jobs/{job.kind}/{{id}}"
        self._http.patch(path, {"id": job.id}, json={"state": "Aborted"}, may_repeat=True)

    def look(self, kind: Kind, identifier: str) -> Job:
        """A job as it is now, also one that an earlier process began."""
        return self._job(kind, self._http.json("GET", f"/jobs/{kind}/{{id}}", {"id": identifier}))

    def wait(self, job: Job, *, wait_seconds: float = 3600) -> Job:
        """`job` when it is over. Raises `RequestRefused` when it failed or was aborted, `DeadlineExceeded`."""
        pause, waited = FIRST_LOOK_SECONDS, 0.0
        while not job.is_over:
            if waited + pause > wait_seconds:
                raise DeadlineExceeded(
                    f"salesforce: job {job.id} is {job.state} after {waited:.0f} seconds, and goes on"
                )
            self._sleep(pause)
            waited += pause
            pause = min(pause * 1.5, LONGEST_LOOK_SECONDS)
            job = self.look(job.kind, job.id)
        if job.state != "JobComplete":
            error = RequestRefused(f"job {job.id} is {job.state}: {job.message}", call=FailedCall(excerpt=job.message))
            raise self._http.of_item(error)
        return job

    def rows(self, job: Job) -> Iterator[dict[str, str]]:
        """What a query that is over found."""

        def fetch(request: PageRequest) -> Answer:
            query = (("maxRecords", PAGE_RECORDS), *request.query)
            return self._csv("/jobs/query/{id}/results", job, query)

        for page in pages(HeaderToken("locator", "Sforce-Locator"), fetch, lambda _: ()):
            yield from rows_of(page.answer)

    def successes(self, job: Job) -> Iterator[dict[str, str]]:
        """Rows that a job wrote, with `sf__Id` and `sf__Created`."""
        return self._results(job, "successfulResults")

    def failures(self, job: Job) -> Iterator[FailedRow]:
        """Rows that a job did not take, and why."""
        for row in self._results(job, "failedResults"):
            told = row.pop("sf__Error", "")
            row.pop("sf__Id", None)
            code, _, message = told.partition(":")
            said = {"statusCode": code, "message": message.removesuffix("--").rstrip(": ")}
            yield FailedRow(row, self._http.of_item(error_of(said, status=None)))

    def unprocessed(self, job: Job) -> Iterator[dict[str, str]]:
        """Rows that a job that was ended did not come to."""
        return self._results(job, "unprocessedrecords")

    def _results(self, job: Job, what: str) -> Iterator[dict[str, str]]:
        return rows_of(self._csv(f"/jobs/ingest/{{id}}/{what}", job))

    def _csv(self, path: str, job: Job, query: Sequence[tuple[str, object]] = ()) -> Answer:
        return self._http.get(
            path,
            {"id": job.id},
            query=query,
            headers={"Accept": "text/csv"},
            max_bytes=PAGE_BYTES,
            timeout_seconds=TRANSFER_SECONDS,
        )

    def _job(self, kind: Kind, found: Any) -> Job:
        if not isinstance(found, Mapping) or not isinstance(found.get("id"), str):
            raise ResponseInvalid("salesforce: a job was due, and something else came")
        return Job(
            kind,
            found["id"],
            str(found.get("state", "")),
            int(found.get("numberRecordsProcessed") or 0),
            int(found.get("numberRecordsFailed") or 0),
            excerpt(str(found.get("errorMessage") or "")),
        )


def rows_of(answer: Answer) -> Iterator[dict[str, str]]:
    """The rows of a CSV. Raises `ResponseInvalid` for one whose rows are not as long as its header."""
    reader = csv.reader(io.StringIO(answer.text, newline=""))
    header = next(reader, [])
    for row in reader:
        if row:
            if len(row) != len(header):
                raise ResponseInvalid("salesforce: a row of a result is not as long as its header")
            yield dict(zip(header, row, strict=True))


def csv_parts(records: Iterable[Mapping[str, object]], max_bytes: int) -> Iterator[bytes]:
    """`records` as CSV with LF, in parts of at most `max_bytes`, each with the header. Raises `InvalidInput`."""
    header: Sequence[str] = ()
    head, size = b"", 0
    rows: list[bytes] = []
    for number, record in enumerate(records):
        if not header:
            header = [name(one) for one in record]
            head = csv_line(header)
            size = len(head)
        if record.keys() != set(header):
            raise InvalidInput.at(f"[{number}]", "mismatch", "all records of a job have the same fields")
        line = csv_line([_cell(record[one]) for one in header])
        if len(head) + len(line) > max_bytes:
            raise InvalidInput.at(f"[{number}]", "too_long", "the record is larger than a job may be")
        if size + len(line) > max_bytes:
            yield b"".join([head, *rows])
            rows, size = [], len(head)
        rows.append(line)
        size += len(line)
    if rows:
        yield b"".join([head, *rows])


def csv_line(cells: Sequence[str]) -> bytes:
    """One line of CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()


def _cell(value: object) -> str:
    match value:
        case None:
            # An empty one leaves the field as it is.
            return "#N/A"
        case bool():
            return "true" if value else "false"
        case datetime():
            return instant(value)
        case _:
            return str(value)
