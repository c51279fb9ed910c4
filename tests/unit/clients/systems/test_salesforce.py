"""The client for Salesforce against the shapes of its documentation."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
import requests
import responses
from responses.matchers import query_param_matcher

from gateway.clients import errors
from gateway.clients.auth.base import Bearer, TokenAuth
from gateway.clients.paging.interleaving import interleaved
from gateway.clients.retries import RetryPolicy
from gateway.clients.systems.salesforce import SalesforceClient
from gateway.clients.systems.salesforce_bulk import csv_parts
from gateway.clients.systems.salesforce_soql import partitions, soql
from gateway.clients.systems.salesforce_values import Limit, Upserted
from gateway.errors import InvalidInput

ORIGIN = "https://acme.my.salesforce.com"
BASE = f"{ORIGIN}/services/data/v67.0"
TOKEN = "00Dxx!AQ8AQ.tok-3f9c0a7be1"
SINCE = datetime(2026, 11, 1, 12, tzinfo=UTC)
QUICK = RetryPolicy(max_tries=3, first_pause_seconds=0, longest_pause_seconds=0)


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def client(**options: Any) -> SalesforceClient:
    given: dict[str, Any] = {"auth": Bearer(TOKEN), "session": requests.Session(), "retries": QUICK}
    return SalesforceClient(ORIGIN, **given | options)


@pytest.fixture
def crm() -> SalesforceClient:
    return client()


def page(*ids: object, following: str | None = None) -> dict[str, Any]:
    records = [{"attributes": {"type": "Contact"}, "Id": one, "SystemModstamp": None} for one in ids]
    found: dict[str, Any] = {"totalSize": 9, "done": following is None, "records": records}
    return found | ({"nextRecordsUrl": f"/services/data/v67.0/query/{following}"} if following else {})


def refusal(code: str, message: str = "no", *fields: str) -> list[dict[str, Any]]:
    return [{"errorCode": code, "message": message, "fields": list(fields)}]


def body(call: Any) -> Any:
    return orjson.loads(call.request.body)


def test_a_query_is_read_to_its_end(network: responses.RequestsMock, crm: SalesforceClient) -> None:
    query = {"q": "SELECT Id FROM Contact"}
    network.get(f"{BASE}/query", match=[query_param_matcher(query)], json=page("1", "2", following="01gA-2000"))
    network.get(f"{BASE}/query/01gA-2000", json=page(3, "2", following="01gA-4000"))
    network.get(f"{BASE}/query/01gA-4000", json=page())

    assert [one["Id"] for one in crm.query("SELECT Id FROM Contact", batch_size=200)] == ["1", "2", 3, "2"]
    assert network.calls[0].request.headers["Sforce-Query-Options"] == "batchSize=200"


def test_a_query_goes_on_where_it_stopped_until_it_is_no_longer_kept(
    network: responses.RequestsMock, crm: SalesforceClient
) -> None:
    network.get(f"{BASE}/queryAll", json=page("1", following="01gA-2000"))
    first = next(crm.query_pages("SELECT Id FROM Contact", with_deleted=True))
    network.get(f"{BASE}/query/01gA-2000", status=400, json=refusal("INVALID_QUERY_LOCATOR"))

    with pytest.raises(errors.RemoteNotFound, match="from the beginning"):
        list(crm.query("SELECT Id FROM Contact", start=first.following))


def test_a_next_page_elsewhere_is_not_asked_for(network: responses.RequestsMock, crm: SalesforceClient) -> None:
    network.get(f"{BASE}/query", json=page("1") | {"nextRecordsUrl": "https://evil.example/1"})

    with pytest.raises(errors.ProtocolFault, match="another origin"):
        list(crm.query("SELECT Id FROM Contact"))


def test_queries_run_beside_each_other(network: responses.RequestsMock, crm: SalesforceClient) -> None:
    for part in "ABC":
        network.get(f"{BASE}/query?q={part}", json=page(f"{part}1", following=f"01g{part}"))
        network.get(f"{BASE}/query/01g{part}", json=page(f"{part}2"))

    found = [one["Id"] for one in crm.query_parallel(["A", "B", "C"], parallel=2)]

    assert sorted(found) == ["A1", "A2", "B1", "B2", "C1", "C2"]
    assert all(found.index(f"{part}1") < found.index(f"{part}2") for part in "ABC")
    with pytest.raises(InvalidInput):
        list(crm.query_parallel(["A"], parallel=11))


def test_lists_beside_each_other_are_read_only_as_they_are_taken() -> None:
    read: list[int] = []
    lock = threading.Lock()

    def endless(start: int) -> Iterator[int]:
        for number in range(start, start + 1000):
            with lock:
                read.append(number)
            yield number

    taken = interleaved([lambda: endless(0), lambda: endless(1000), lambda: endless(2000)], parallel=2)
    first = [next(taken) for _ in range(5)]
    taken.close()  # type: ignore[attr-defined]

    assert len(first) == 5
    assert len(read) <= 5 + 2
    assert not [one for one in threading.enumerate() if one.name.startswith("lists")]


def test_the_first_list_that_fails_ends_all() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise errors.Unavailable("away")

    with pytest.raises(errors.Unavailable):
        list(interleaved([failing, lambda: iter(range(100)), failing], parallel=3))


def test_values_stay_values_in_soql() -> None:
    found = soql(
        "SELECT Id FROM A WHERE B = {text} AND C IN {many} AND D = {none} AND E >= {at} AND F = {day} AND G = {number}",
        text="O'Neil\\' OR Name != '\n",
        many=["a", True, 3],
        none=None,
        at=datetime(2026, 11, 1, 13, tzinfo=UTC),
        day=date(2026, 11, 1),
        number=Decimal("1.50"),
    )

    assert found == (
        "SELECT Id FROM A WHERE B = 'O\\'Neil\\\\\\' OR Name != \\'\\n' AND C IN ('a', true, 3) AND D = null "
        "AND E >= 2026-11-01T13:00:00.000Z AND F = 2026-11-01 AND G = 1.50"
    )


@pytest.mark.parametrize("values", [{}, {"a": 1, "b": 2}, {"a": []}, {"a": object()}, {"a": float("nan")}])
def test_what_is_no_value_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        soql("SELECT Id FROM A WHERE B = {a}", **values)


def test_a_time_is_cut_into_parts_without_a_gap() -> None:
    assert partitions(SINCE, SINCE + timedelta(hours=2), 2, field="CreatedDate") == [
        "CreatedDate >= 2026-11-01T12:00:00.000Z AND CreatedDate < 2026-11-01T13:00:00.000Z",
        "CreatedDate >= 2026-11-01T13:00:00.000Z AND CreatedDate < 2026-11-01T14:00:00.000Z",
    ]
    with pytest.raises(InvalidInput):
        partitions(SINCE, SINCE, 2)


def test_contacts(network: responses.RequestsMock) -> None:
    record = {
        "Id": "003A",
        "FirstName": None,
        "LastName": "Bingen",
        "Email": "h@example.com",
        "Phone": 12,
        "SystemModstamp": "2026-11-02T10:00:00.000+0000",
        "Level__c": "gold",
        "Unheard": {},
    }
    network.get(f"{BASE}/query", json=page() | {"records": [record]})
    crm = client(client_name="gateway")

    (contact,) = crm.get_contacts(updated_since=SINCE, fields=["Level__c"])

    assert (contact.id, contact.first_name, contact.last_name, contact.phone) == ("003A", None, "Bingen", "12")
    assert contact.updated_at == datetime(2026, 11, 2, 10, tzinfo=UTC)
    assert contact.account_id is None
    assert contact.content["Level__c"] == "gold"
    assert network.calls[0].request.params["q"] == (
        "SELECT Id, FirstName, LastName, Email, Phone, AccountId, SystemModstamp, Level__c FROM Contact "
        "WHERE SystemModstamp >= 2026-11-01T12:00:00.000Z ORDER BY SystemModstamp, Id"
    )
    assert network.calls[0].request.headers["Sforce-Call-Options"] == "client=gateway"


@pytest.mark.parametrize(
    ("status", "document", "upserted"),
    [
        (201, {"id": "003A", "success": True, "errors": [], "created": True}, Upserted("003A", True)),
        (200, {"id": "003A", "success": True, "errors": [], "created": False}, Upserted("003A", False)),
        (204, None, Upserted(None, False)),
    ],
)
def test_an_upsert_is_repeated(
    network: responses.RequestsMock, crm: SalesforceClient, status: int, document: Any, upserted: Upserted
) -> None:
    url = f"{BASE}/sobjects/Contact/Ext__c/a%2Fb"
    network.patch(url, status=503, json=refusal("SERVER_UNAVAILABLE"))
    network.patch(url, status=status, body=orjson.dumps(document) if document else b"")

    assert crm.upsert_contact("Ext__c", "a/b", {"LastName": "X"}) == upserted
    assert body(network.calls[1]) == {"LastName": "X"}


def test_an_external_id_that_several_have_is_a_conflict(network: responses.RequestsMock, crm: SalesforceClient) -> None:
    network.patch(f"{BASE}/sobjects/Contact/Ext__c/1", status=300, json=["/a", "/b"])

    with pytest.raises(errors.RemoteConflict, match="several records"):
        crm.upsert("Contact", "Ext__c", "1", {"LastName": "X"})


def test_single_records(network: responses.RequestsMock, crm: SalesforceClient) -> None:
    url = f"{BASE}/sobjects/Contact"
    network.post(url, status=201, json={"id": "003A", "success": True, "errors": []})
    network.get(f"{url}/003A?fields=Id,Account.Name", json={"Id": "003A"})
    network.patch(f"{url}/003A", status=204)
    network.delete(f"{url}/003A", status=204)

    assert crm.create("Contact", {"LastName": "X"}) == "003A"
    assert crm.get("Contact", "003A", fields=["Id", "Account.Name"]) == {"Id": "003A"}
    crm.update("Contact", "003A", {"LastName": None}, unmodified_since=SINCE)
    crm.delete("Contact", "003A")

    assert network.calls[2].request.headers["If-Unmodified-Since"] == "Sun, 01 Nov 2026 12:00:00 GMT"
    assert body(network.calls[2]) == {"LastName": None}


def test_writes_that_are_not_safe_are_sent_once(network: responses.RequestsMock, crm: SalesforceClient) -> None:
    network.post(f"{BASE}/sobjects/Contact", status=500)
    network.patch(f"{BASE}/sobjects/Contact/1", status=500)

    with pytest.raises(errors.Unavailable) as failed:
        crm.create("Contact", {"LastName": "X"})
    assert failed.value.call.may_have_happened
    network.post(f"{BASE}/composite/sobjects", status=500)
    with pytest.raises(errors.Unavailable):
        list(crm.create_many("Contact", [{"LastName": "X"}]))
    with pytest.raises(errors.Unavailable):
        crm.update("Contact", "1", {"LastName": "X"}, unmodified_since=SINCE)
    assert len(network.calls) == 3


def test_a_row_that_was_locked_is_tried_again(network: responses.RequestsMock, crm: SalesforceClient) -> None:
    network.post(f"{BASE}/sobjects/Contact", status=400, json=refusal("UNABLE_TO_LOCK_ROW"))
    network.post(f"{BASE}/sobjects/Contact", status=201, json={"id": "003A", "success": True, "errors": []})

    assert crm.create("Contact", {"LastName": "X"}) == "003A"


def test_what_a_repeat_finds_deleted_is_deleted(network: responses.RequestsMock, crm: SalesforceClient) -> None:
    network.delete(f"{BASE}/sobjects/Contact/1", status=503)
    network.delete(f"{BASE}/sobjects/Contact/1", status=404, json=refusal("ENTITY_IS_DELETED"))
    crm.delete("Contact", "1")

    with pytest.raises(errors.RemoteNotFound):
        crm.delete("Contact", "1")


def test_a_limit_of_a_day_is_not_waited_for(network: responses.RequestsMock, crm: SalesforceClient) -> None:
    network.get(
        f"{BASE}/limits",
        status=403,
        json=refusal("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
        headers={"Sforce-Limit-Info": "api-usage=5001/5000", "Retry-After": "1"},
    )

    for tries in (1, 0):
        with pytest.raises(errors.RateLimited) as failed:
            crm.limits()
        assert failed.value.call.tries == tries
        assert failed.value.retry_after_seconds is not None
        assert failed.value.retry_after_seconds > 800
    assert len(network.calls) == 1
    assert crm.usage is not None
    assert (crm.usage.used, crm.usage.limit) == (5001, 5000)


def test_too_many_at_a_time_pass(network: responses.RequestsMock, crm: SalesforceClient) -> None:
    said = refusal("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.")
    network.get(f"{BASE}/limits", status=403, json=said)
    network.get(f"{BASE}/limits", json={"DailyApiRequests": {"Max": 5000, "Remaining": 7}, "Other": 1})

    assert crm.limits() == {"DailyApiRequests": Limit(5000, 7)}


@pytest.mark.parametrize(
    ("status", "document", "kind"),
    [
        (400, refusal("MALFORMED_QUERY"), errors.RequestRefused),
        (400, refusal("DUPLICATE_VALUE"), errors.RemoteConflict),
        (400, refusal("STORAGE_LIMIT_EXCEEDED"), errors.QuotaExhausted),
        (403, refusal("INSUFFICIENT_ACCESS_OR_READONLY"), errors.AuthorizationFailed),
        (404, refusal("NOT_FOUND"), errors.RemoteNotFound),
        (412, refusal("PRECONDITION_FAILED"), errors.RemoteConflict),
        (400, refusal("CANNOT_UPDATE_CONVERTED_LEAD"), errors.RequestRefused),
        (500, refusal("UNKNOWN_EXCEPTION"), errors.Unavailable),
        (400, [], errors.RequestRefused),
    ],
)
def test_errors_are_judged_without_the_token(
    network: responses.RequestsMock, crm: SalesforceClient, status: int, document: Any, kind: type[Exception]
) -> None:
    if document:
        document[0] |= {"message": f"bad {TOKEN} here", "fields": ["Email"]}
    network.get(f"{BASE}/sobjects/Contact/1", status=status, json=document)

    with pytest.raises(errors.IntegrationError) as failed:
        crm.get("Contact", "1")

    error = failed.value
    assert type(error) is kind
    assert TOKEN not in f"{error} {error.call}"
    assert error.call.path == "/services/data/v67.0/sobjects/Contact/{id}"
    if document:
        assert error.call.vendor_code == document[0]["errorCode"]
        assert "Email" in str(error)


def test_a_session_that_is_not_taken_is_renewed_once(network: responses.RequestsMock) -> None:
    class Source:
        renewed = 0

        def token(self) -> str:
            return f"t{self.renewed}"

        def renew(self, refused: str) -> bool:
            self.renewed += 1
            return True

    source = Source()
    network.get(f"{BASE}/limits", status=401, json=refusal("INVALID_SESSION_ID", "Session expired or invalid"))

    with pytest.raises(errors.AuthenticationFailed, match=r"of another instance.*API Access Control"):
        client(auth=TokenAuth(source)).limits()

    assert source.renewed == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"body": "<html>", "content_type": "text/html"}, "a page for people"),
        ({"body": "[{", "content_type": "application/json"}, "not all of it"),
        ({"json": []}, "an object was due"),
    ],
)
def test_what_is_no_record_is_refused(
    network: responses.RequestsMock, crm: SalesforceClient, answer: Any, said: str
) -> None:
    network.get(f"{BASE}/sobjects/Contact/1", **answer)

    with pytest.raises(errors.ResponseInvalid, match=said):
        crm.get("Contact", "1")


def test_collections_fail_by_the_record(network: responses.RequestsMock, crm: SalesforceClient) -> None:
    fault = {"statusCode": "UNABLE_TO_LOCK_ROW", "message": f"locked {TOKEN}", "fields": []}
    refused = {"statusCode": "REQUIRED_FIELD_MISSING", "message": "missing", "fields": ["LastName"]}
    first: list[dict[str, Any]] = [{"id": f"{number}", "success": True, "errors": []} for number in range(200)]
    first[7] = {"success": False, "errors": [fault]}
    first[9] = {"success": False, "errors": [refused]}
    network.post(f"{BASE}/composite/sobjects", json=first)
    network.post(f"{BASE}/composite/sobjects", json=[{"id": "z", "success": True, "errors": []}])

    found = list(crm.create_many("Contact", [{"LastName": str(number)} for number in range(201)]))

    assert [one.index for one in found] == list(range(201))
    assert {one.index: type(one.error) for one in found if one.error} == {
        7: errors.Unavailable,
        9: errors.RequestRefused,
    }
    assert found[200].id == "z"
    assert "LastName" in str(found[9].error)
    assert TOKEN not in f"{found[7].error} {found[7]}"
    sent = body(network.calls[0])
    assert (sent["allOrNone"], len(sent["records"])) == (False, 200)
    assert sent["records"][0] == {"attributes": {"type": "Contact"}, "LastName": "0"}


def test_other_collections(network: responses.RequestsMock, crm: SalesforceClient) -> None:
    done = [{"id": "1", "success": True, "errors": [], "created": True}]
    network.patch(f"{BASE}/composite/sobjects", json=done)
    network.patch(f"{BASE}/composite/sobjects/Contact/Ext__c", json=done)
    network.delete(f"{BASE}/composite/sobjects?ids=1&allOrNone=true", json=done)

    assert [one.error for one in crm.update_many("Contact", [{"Id": "1", "LastName": "X"}])] == [None]
    assert [one.is_created for one in crm.upsert_many("Contact", "Ext__c", [{"Ext__c": "1"}])] == [True]
    assert [one.id for one in crm.delete_many(["1"], all_or_none=True)] == ["1"]
    assert body(network.calls[0])["records"] == [{"attributes": {"type": "Contact"}, "id": "1", "LastName": "X"}]


def test_results_for_other_records_are_refused(network: responses.RequestsMock, crm: SalesforceClient) -> None:
    network.delete(f"{BASE}/composite/sobjects", json=[])

    with pytest.raises(errors.ResponseInvalid, match="results were due for 1 records"):
        list(crm.delete_many(["1"]))


def test_what_cannot_be_sent_is_refused_first(crm: SalesforceClient) -> None:
    many = [{"LastName": "X"}] * 201
    refused = [
        lambda: crm.create("Contact; DROP", {"LastName": "X"}),
        lambda: crm.create("Contact", {}),
        lambda: crm.create("Contact", {"Id": "1"}),
        lambda: crm.create_many("Contact", many, all_or_none=True),
        lambda: crm.update_many("Contact", many),
        lambda: crm.upsert_many("Contact", "Ext__c", many),
        lambda: crm.updated("Contact", SINCE, SINCE + timedelta(days=31)),
        lambda: crm.deleted("Contact", SINCE, SINCE),
        lambda: crm.updated("Contact", datetime(2026, 1, 1), SINCE),  # noqa: DTZ001
        lambda: list(crm.get_contacts(fields=["Id FROM User"])),
        lambda: client(version="67"),
        lambda: crm.bulk.start_ingest("Contact", "upsert", b"Id\n"),
    ]
    for call in refused:
        with pytest.raises(InvalidInput):
            call()


def test_what_changed_and_what_went(network: responses.RequestsMock, crm: SalesforceClient) -> None:
    window = {"start": "2026-11-01T12:00:00.000Z", "end": "2026-11-02T12:00:00.000Z"}
    covered = {"latestDateCovered": "2026-11-02T11:00:00.000+0000"}
    network.get(f"{BASE}/sobjects/Contact/updated/", match=[query_param_matcher(window)], json={"ids": ["1"]} | covered)
    network.get(
        f"{BASE}/sobjects/Contact/deleted/",
        match=[query_param_matcher(window)],
        json={
            "deletedRecords": [{"id": "2", "deletedDate": "2026-11-01T13:00:00.000+0000"}],
            "earliestDateAvailable": None,
        }
        | covered,
    )

    updated = crm.updated("Contact", SINCE, SINCE + timedelta(days=1))
    deleted = crm.deleted("Contact", SINCE, SINCE + timedelta(days=1))

    assert (updated.ids, updated.covered_until) == (["1"], datetime(2026, 11, 2, 11, tzinfo=UTC))
    assert deleted.records == [("2", datetime(2026, 11, 1, 13, tzinfo=UTC))]
    assert deleted.known_since is None


def test_an_object_is_described(network: responses.RequestsMock, crm: SalesforceClient) -> None:
    field = {"name": "Ext__c", "type": "string", "label": "Ext", "externalId": True, "nillable": False, "new": 1}
    network.get(f"{BASE}/sobjects/Contact/describe", json={"name": "Contact", "label": "Contact", "fields": [field]})

    found = crm.describe("Contact").fields["Ext__c"]

    assert (found.type, found.is_external_id, found.is_nillable, found.is_updateable) == ("string", True, False, False)


def job(state: str, **more: Any) -> dict[str, Any]:
    return {"id": "750A", "state": state, "numberRecordsProcessed": 3} | more


def test_a_bulk_query_is_waited_for_and_read(network: responses.RequestsMock) -> None:
    slept: list[float] = []
    crm = client(sleep=slept.append)
    network.post(f"{BASE}/jobs/query", json=job("UploadComplete"))
    network.get(f"{BASE}/jobs/query/750A", json=job("InProgress"))
    network.get(f"{BASE}/jobs/query/750A", json=job("JobComplete"))
    rows = f"{BASE}/jobs/query/750A/results"
    csv = {"content_type": "text/csv"}
    network.get(
        rows,
        match=[query_param_matcher({"maxRecords": "10000"})],
        body='"Id","Name"\n"1","a\nb"\n"2",""\n',
        headers={"Sforce-Locator": "MTg"},
        **csv,
    )
    network.get(
        rows,
        match=[query_param_matcher({"maxRecords": "10000", "locator": "MTg"})],
        body='"Id","Name"\n"3","c"\n',
        headers={"Sforce-Locator": "null"},
        **csv,
    )

    found = list(crm.bulk.query("SELECT Id, Name FROM Account"))

    assert found == [{"Id": "1", "Name": "a\nb"}, {"Id": "2", "Name": ""}, {"Id": "3", "Name": "c"}]
    assert slept == [1.0, 1.5]


def test_bulk_ingest_tells_what_was_not_taken(network: responses.RequestsMock) -> None:
    crm = client(sleep=lambda _: None)
    url = f"{BASE}/jobs/ingest"
    network.post(url, json=job("Open"))
    network.put(f"{url}/750A/batches", status=201)
    network.patch(f"{url}/750A", json=job("UploadComplete"))
    network.get(f"{url}/750A", json=job("JobComplete", numberRecordsFailed=1))
    network.get(
        f"{url}/750A/failedResults",
        body=f'"sf__Id","sf__Error","Ext__c"\n"","UNABLE_TO_LOCK_ROW:locked {TOKEN}:--","1"\n',
        content_type="text/csv",
    )
    network.get(f"{url}/750A/successfulResults", body='"sf__Id","sf__Created","Ext__c"\n', content_type="text/csv")
    network.get(f"{url}/750A/unprocessedrecords", body="", content_type="text/csv")
    records = [{"Ext__c": 'a"b', "Phone": None, "Active__c": True}]

    (done,) = crm.bulk.ingest("Contact", "upsert", records, external_id_field="Ext__c")
    (failed,) = crm.bulk.failures(done)

    assert (done.processed, done.failed) == (3, 1)
    assert (type(failed.error), failed.row) == (errors.Unavailable, {"Ext__c": "1"})
    assert TOKEN not in str(failed)
    assert list(crm.bulk.successes(done)) == list(crm.bulk.unprocessed(done)) == []
    assert body(network.calls[0])["externalIdFieldName"] == "Ext__c"
    assert network.calls[1].request.body == b'Ext__c,Phone,Active__c\n"a""b",#N/A,true\n'
    assert body(network.calls[2]) == {"state": "UploadComplete"}


def test_a_bulk_job_that_fails_or_does_not_end(network: responses.RequestsMock) -> None:
    crm = client(sleep=lambda _: None)
    network.get(f"{BASE}/jobs/ingest/750A", json=job("Failed", errorMessage="InvalidBatch : Field name not found : X"))
    with pytest.raises(errors.RequestRefused, match="InvalidBatch"):
        crm.bulk.wait(crm.bulk.look("ingest", "750A"))

    network.get(f"{BASE}/jobs/query/750A", json=job("InProgress"))
    with pytest.raises(errors.DeadlineExceeded, match="750A is InProgress"):
        crm.bulk.wait(crm.bulk.look("query", "750A"), wait_seconds=5)


def test_a_bulk_job_that_cannot_be_sent_is_aborted(network: responses.RequestsMock, crm: SalesforceClient) -> None:
    network.post(f"{BASE}/jobs/ingest", json=job("Open"))
    network.put(f"{BASE}/jobs/ingest/750A/batches", status=413)
    network.patch(f"{BASE}/jobs/ingest/750A", status=500)

    with pytest.raises(errors.RequestRefused) as failed:
        crm.bulk.start_ingest("Contact", "insert", b"LastName\nX\n")

    assert failed.value.call.status == 413
    assert body(network.calls[2]) == {"state": "Aborted"}


def test_records_are_cut_into_jobs_by_their_size() -> None:
    records = [{"A": number} for number in range(5)]

    assert list(csv_parts(records, 6)) == [b"A\n0\n1\n", b"A\n2\n3\n", b"A\n4\n"]
    assert list(csv_parts([], 6)) == []
    for wrong in ([{"A": 1}, {"B": 1}], [{"A": "far too long"}]):
        with pytest.raises(InvalidInput):
            list(csv_parts(wrong, 6))
