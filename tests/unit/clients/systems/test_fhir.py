"""The client for FHIR servers against the shapes of the specification (https://hl7.org/fhir/R4/http.html)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
import requests
import responses
import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import import_key

from gateway.clients import errors
from gateway.clients.auth.base import Bearer
from gateway.clients.retries import RetryPolicy
from gateway.clients.systems.fhir import FhirClient, Interaction
from gateway.errors import InvalidInput

BASE = "https://ehr.example/fhir"
SINCE = datetime(2026, 11, 1, 12, tzinfo=UTC)
NAME = "Hildegard"
PATIENT = {"resourceType": "Patient", "name": [{"family": NAME}]}
TOKEN = "tok-3f9c0a7be1"


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def fhir() -> FhirClient:
    quick = RetryPolicy(first_pause_seconds=0, longest_pause_seconds=0)
    return FhirClient(BASE, auth=Bearer(TOKEN), session=requests.Session(), retries=quick)


def held(identifier: object, version: str = "1", **more: Any) -> dict[str, Any]:
    meta = {"versionId": version, "lastUpdated": "2026-11-02T10:00:00.000+01:00"}
    return {"resourceType": "Patient", "id": identifier, "meta": meta} | more


def bundle(kind: str, *entries: dict[str, Any], links: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"resourceType": "Bundle", "type": kind} | more
    if entries:
        found["entry"] = list(entries)
    found["link"] = [{"relation": relation, "url": url} for relation, url in (links or {}).items()]
    return found


def match(identifier: object, mode: str = "match") -> dict[str, Any]:
    return {"fullUrl": f"{BASE}/Patient/{identifier}", "resource": held(identifier), "search": {"mode": mode}}


def outcome(code: str, severity: str = "error", **more: Any) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code} | more]}


def body(call: Any) -> Any:
    return orjson.loads(call.request.body)


def test_a_search_is_read_to_its_end(network: responses.RequestsMock, fhir: FhirClient) -> None:
    remark = {"resource": outcome("informational", "information"), "search": {"mode": "outcome"}}
    network.post(
        f"{BASE}/Patient/_search",
        json=bundle("searchset", match("a"), match("org", "include"), remark, links={"next": f"{BASE}?page=2"}),
    )
    network.get(f"{BASE}?page=2", json=bundle("searchset", match(17), match("a"), links={"next": "/fhir?page=3"}))
    network.get(f"{BASE}?page=3", json=bundle("searchset", total=3, entry=None))

    found = list(fhir.search("Patient", {"family": NAME}, updated_since=SINCE, count=2))

    assert [one.id for one in found] == ["a", "17", "a"]
    assert (found[0].version_id, found[0].updated_at) == ("1", datetime(2026, 11, 2, 9, tzinfo=UTC))
    sent = network.calls[0].request
    assert parse_qs(sent.body.decode()) == {
        "family": [NAME],
        "_lastUpdated": ["ge2026-11-01T12:00:00.000Z"],
        "_sort": ["_lastUpdated"],
        "_count": ["2"],
    }
    assert sent.headers["Prefer"] == "handling=strict"
    assert {call.request.headers["Accept"] for call in network.calls} == {"application/fhir+json"}


def test_a_search_by_get_goes_on_where_it_stopped(network: responses.RequestsMock, fhir: FhirClient) -> None:
    network.get(f"{BASE}/Patient?family=x", json=bundle("searchset", match("a"), links={"next": f"{BASE}?page=2"}))
    first = next(fhir.search_pages("Patient", {"family": "x"}, in_body=False))
    network.get(f"{BASE}?page=2", json=bundle("searchset", match("b")))

    assert [one.id for one in fhir.search("Patient", start=first.following)] == ["b"]
    assert "next" not in repr(first)


def test_a_page_that_is_no_longer_kept_is_told(network: responses.RequestsMock, fhir: FhirClient) -> None:
    network.post(f"{BASE}/Patient/_search", json=bundle("searchset", match("a"), links={"next": f"{BASE}?page=2"}))
    network.get(f"{BASE}?page=2", status=410, json=outcome("expired"))

    with pytest.raises(errors.RemoteNotFound, match="read it from the beginning"):
        list(fhir.search("Patient"))


def test_what_is_not_there_is_no_expired_page(network: responses.RequestsMock, fhir: FhirClient) -> None:
    network.post(f"{BASE}/Patient/_search", status=404)

    with pytest.raises(errors.RemoteNotFound, match=r"answers 404$"):
        list(fhir.search("Patient"))


@pytest.mark.parametrize(
    ("made", "left_out"),
    [("?family=x", "birthdate"), ("?family=x&birthdate=2000", None), ("", None), ("?_count=5", None)],
)
def test_a_server_that_ignores_a_parameter_is_not_believed(
    network: responses.RequestsMock, fhir: FhirClient, made: str, left_out: str | None
) -> None:
    page = bundle("searchset", match("a"), links={"self": f"{BASE}/Patient{made}"})
    network.post(f"{BASE}/Patient/_search", json=page)
    searched = fhir.search("Patient", {"family:exact": "x", "birthdate": "2000"}, count=5)

    if left_out is None:
        assert len(list(searched)) == 1
    else:
        with pytest.raises(errors.ResponseInvalid, match=f"does not know {left_out},"):
            list(searched)


def test_a_link_to_elsewhere_is_not_followed(network: responses.RequestsMock, fhir: FhirClient) -> None:
    network.post(f"{BASE}/Patient/_search", json=bundle("searchset", links={"next": "https://evil.example/?page=2"}))

    with pytest.raises(errors.ProtocolFault, match="another origin"):
        list(fhir.search("Patient"))


def test_a_history_tells_deletions(network: responses.RequestsMock, fhir: FhirClient) -> None:
    gone = {
        "fullUrl": f"{BASE}/Patient/b",
        "request": {"method": "DELETE", "url": "Patient/b"},
        "response": {"status": "204", "etag": 'W/"4"', "lastModified": "2026-11-03T00:00:00Z"},
    }
    new = {"resource": held("a"), "request": {"method": "POST", "url": "Patient"}, "response": {"status": "201"}}
    changed = {"resource": held("c", "2"), "request": {"method": "PUT", "url": "Patient/c"}}
    network.get(
        f"{BASE}/Patient/_history?_since=2026-11-01T12:00:00.000Z",
        json=bundle("history", gone, new, changed),
    )

    found = list(fhir.history("Patient", since=SINCE))

    assert [(one.action, one.id, one.version_id, one.resource is None) for one in found] == [
        ("delete", "b", "4", True),
        ("create", "a", "1", False),
        ("update", "c", "2", False),
    ]
    assert found[0].changed_at == datetime(2026, 11, 3, tzinfo=UTC)


def test_reading_one(network: responses.RequestsMock, fhir: FhirClient) -> None:
    network.get(f"{BASE}/Patient/a", json=held("a", "3", name=None, unheard_of=1))
    network.get(f"{BASE}/Patient/a/_history/2", json=held("a", "2"))
    assert fhir.read("Patient", "a").version_id == "3"
    assert fhir.read("Patient", "a", version_id="2").version_id == "2"

    network.get(f"{BASE}/Patient/b", status=304)
    assert fhir.read_if_changed("Patient", "b", version_id="3") is None
    assert network.calls[-1].request.headers["If-None-Match"] == 'W/"3"'


def test_what_a_server_can_do(network: responses.RequestsMock, fhir: FhirClient) -> None:
    resource = {"type": "Patient", "interaction": [{"code": "read"}, {"code": "history-type"}]}
    statement = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [{"resource": [resource]}]}
    network.get(f"{BASE}/metadata", json=statement)

    found = fhir.capability()

    assert (found.fhir_version, found.can("Patient", "read"), found.can("Patient", "delete")) == ("4.0.1", True, False)


def test_a_create_happens_once(network: responses.RequestsMock, fhir: FhirClient) -> None:
    network.post(f"{BASE}/Patient", status=201, headers={"Location": f"{BASE}/Patient/9/_history/1", "ETag": 'W/"1"'})
    created = fhir.create(PATIENT)
    assert (created.id, created.version_id, created.is_created, created.resource) == ("9", "1", True, None)
    assert body(network.calls[0]) == PATIENT
    assert network.calls[0].request.headers["Content-Type"] == "application/fhir+json"

    network.replace(responses.POST, f"{BASE}/Patient", status=500)
    with pytest.raises(errors.Unavailable) as failed:
        fhir.create(PATIENT)
    assert (failed.value.call.tries, failed.value.call.may_have_happened) == (1, True)


def test_a_conditional_create_is_repeated_and_finds_its_own(network: responses.RequestsMock, fhir: FhirClient) -> None:
    network.post(f"{BASE}/Patient", status=502)
    network.post(f"{BASE}/Patient", status=200, json=held("9", "1"))

    found = fhir.create(PATIENT, if_none_exist={"identifier": "http://mrn.example|1 7"})

    assert (found.id, found.is_created) == ("9", False)
    assert network.calls[1].request.headers["If-None-Exist"] == "identifier=http://mrn.example|1%207"


def test_an_update_names_the_version_that_it_replaces(network: responses.RequestsMock, fhir: FhirClient) -> None:
    network.put(f"{BASE}/Patient/a", json=held("a", "4"))
    found = fhir.update(PATIENT | {"id": "a"}, if_match="3")
    assert (found.version_id, found.is_created) == ("4", False)
    assert network.calls[0].request.headers["If-Match"] == 'W/"3"'

    network.replace(responses.PUT, f"{BASE}/Patient/a", status=412, json=outcome("conflict"))
    with pytest.raises(errors.RemoteConflict) as refused:
        fhir.update(PATIENT | {"id": "a"}, if_match='W/"3"')
    assert not refused.value.call.may_have_happened


def test_a_conflict_of_a_repeat_may_be_with_itself(network: responses.RequestsMock, fhir: FhirClient) -> None:
    network.patch(f"{BASE}/Patient/a", status=503)
    network.patch(f"{BASE}/Patient/a", status=412)

    with pytest.raises(errors.RemoteConflict, match="an earlier try may have done it") as refused:
        fhir.patch("Patient", "a", [{"op": "replace", "path": "/active", "value": True}], if_match="3")

    assert refused.value.call.may_have_happened
    assert network.calls[0].request.headers["Content-Type"] == "application/json-patch+json"


def test_a_patch_without_a_version_is_sent_once(network: responses.RequestsMock, fhir: FhirClient) -> None:
    network.patch(f"{BASE}/Patient/a", status=503)

    with pytest.raises(errors.Unavailable):
        fhir.patch("Patient", "a", [{"op": "add", "path": "/name/-", "value": {}}])

    assert len(network.calls) == 1


def test_a_batch_fails_by_its_entries(network: responses.RequestsMock, fhir: FhirClient) -> None:
    network.post(
        BASE,
        json=bundle(
            "batch-response",
            {"response": {"status": "201 Created", "location": "Patient/9/_history/1", "etag": 'W/"1"'}},
            {"response": {"status": "412 Precondition Failed", "outcome": outcome("conflict", diagnostics=NAME)}},
            {"response": {"status": "409", "outcome": outcome("lock-error")}},
            {"response": {"status": "204"}},
            {"response": {"status": "200"}, "resource": held("r", "5")},
        ),
    )

    found = fhir.batch(
        [
            Interaction.creating(PATIENT, if_none_exist={"identifier": "s|1"}, full_url="urn:uuid:1"),
            Interaction.updating(PATIENT | {"id": "a"}, if_match="3"),
            Interaction.updating(PATIENT | {"id": "b"}),
            Interaction.deleting("Patient", "c"),
            Interaction.reading("Patient", "r"),
        ]
    )

    assert found[0].written is not None
    assert (found[0].written.id, found[0].written.is_created) == ("9", True)
    assert [type(one.error) for one in found] == [
        type(None),
        errors.RemoteConflict,
        errors.Unavailable,
        type(None),
        type(None),
    ]
    assert found[4].resource is not None
    assert NAME not in str(found)
    sent = body(network.calls[0])
    assert [entry["request"] for entry in sent["entry"]] == [
        {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=s|1"},
        {"method": "PUT", "url": "Patient/a", "ifMatch": 'W/"3"'},
        {"method": "PUT", "url": "Patient/b"},
        {"method": "DELETE", "url": "Patient/c"},
        {"method": "GET", "url": "Patient/r"},
    ]


def test_a_transaction_is_repeated_only_when_that_is_safe(network: responses.RequestsMock, fhir: FhirClient) -> None:
    network.post(BASE, status=503)

    with pytest.raises(errors.Unavailable):
        fhir.transaction([Interaction.creating(PATIENT)])
    assert len(network.calls) == 1
    with pytest.raises(errors.Unavailable):
        fhir.transaction([Interaction.updating(PATIENT | {"id": "a"})])
    assert len(network.calls) == 5


def test_a_response_of_another_length_is_refused(network: responses.RequestsMock, fhir: FhirClient) -> None:
    network.post(BASE, json=bundle("transaction-response"))

    with pytest.raises(errors.ResponseInvalid, match="1 entries were sent and 0 came back"):
        fhir.transaction([Interaction.deleting("Patient", "a")])


@pytest.mark.parametrize(
    ("status", "document", "kind", "tries"),
    [
        (401, outcome("login"), errors.AuthenticationFailed, 1),
        (403, outcome("forbidden"), errors.AuthorizationFailed, 1),
        (404, outcome("not-found"), errors.RemoteNotFound, 1),
        (410, outcome("deleted"), errors.RemoteNotFound, 1),
        (400, outcome("invalid"), errors.RequestRefused, 1),
        (422, outcome("business-rule"), errors.RequestRefused, 1),
        (429, outcome("throttled"), errors.RateLimited, 2),
        (400, outcome("throttled"), errors.RateLimited, 2),
        (409, outcome("lock-error"), errors.Unavailable, 2),
        (422, outcome("transient"), errors.Unavailable, 2),
        (500, outcome("exception"), errors.Unavailable, 2),
        (200, outcome("no-store"), errors.Unavailable, 2),
        (200, outcome("not-found", "fatal"), errors.RemoteNotFound, 1),
        (200, outcome("gibberish-of-a-vendor"), errors.RequestRefused, 1),
    ],
)
def test_outcomes_are_judged_and_not_quoted(
    network: responses.RequestsMock, status: int, document: Any, kind: type[errors.IntegrationError], tries: int
) -> None:
    quick = RetryPolicy(max_tries=2, first_pause_seconds=0, longest_pause_seconds=0)
    fhir = FhirClient(BASE, auth=Bearer(TOKEN), session=requests.Session(), retries=quick)
    document["issue"][0] |= {
        "diagnostics": f"{NAME} {TOKEN}",
        "details": {"text": NAME},
        "expression": ["Patient.name[0].family", f"Patient.name.where(family='{NAME}')"],
    }
    network.get(f"{BASE}/Patient/{NAME}", status=status, json=document, headers={"X-Request-Id": "r-1"})

    with pytest.raises(errors.IntegrationError) as failed:
        fhir.read("Patient", NAME)

    error = failed.value
    assert type(error) is kind
    assert error.call.tries == tries
    assert (error.call.request_id, error.call.path) == ("r-1", "/fhir/Patient/{id}")
    assert "Patient.name[0].family" in str(error)
    assert NAME not in f"{error} {error.call}"
    assert TOKEN not in f"{error} {error.call}"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"body": f"<html>{NAME}</html>", "content_type": "text/html"}, "a page for people"),
        ({"body": '{"resourceType":', "content_type": "application/fhir+json"}, "not all of it"),
        ({"body": "[]", "content_type": "application/fhir+json"}, "a resource was due"),
        ({"json": {"resourceType": "Patient"}}, "without resourceType or id"),
        ({"body": f"<p>{NAME}", "content_type": "text/html", "status": 403}, "answers 403"),
    ],
)
def test_what_is_no_resource_is_refused(
    network: responses.RequestsMock, fhir: FhirClient, answer: Any, said: str
) -> None:
    network.get(f"{BASE}/Patient/a", **answer)

    with pytest.raises(errors.IntegrationError, match=said) as failed:
        fhir.read("Patient", "a")

    assert NAME not in f"{failed.value} {failed.value.call}"


@pytest.mark.parametrize(
    ("resource", "fields"),
    [
        ({}, ["resourceType", ""]),
        ({"resourceType": "patient", "name": []}, ["resourceType", "name"]),
        ({"resourceType": "Patient", "name": [{"given": ["", None]}]}, ["name[0].given[0]"]),
        ({"resourceType": "Patient", "active": None, "x": float("nan")}, ["active", "x"]),
        (PATIENT | {"id": "a"}, ["id"]),
    ],
)
def test_what_is_sent_is_checked_first(fhir: FhirClient, resource: Any, fields: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        fhir.create(resource)

    assert [fault.field for fault in refused.value.faults] == fields


def test_ids_times_and_patches_are_checked_first(fhir: FhirClient) -> None:
    refused = [
        lambda: fhir.read("Patient/../Secret", "a"),
        lambda: fhir.read("Patient", f"{NAME} 1"),
        lambda: fhir.update(PATIENT),
        lambda: fhir.patch("Patient", "a", []),
        lambda: fhir.patch("Patient", "a", [{"op": "raze", "path": "/a"}]),
        lambda: fhir.patch("Patient", "a", [{"op": "add", "path": "a", "value": 1}]),
        lambda: fhir.patch("Patient", "a", [{"op": "add", "path": "/a"}]),
        lambda: fhir.create(PATIENT, if_none_exist={}),
        lambda: fhir.update(PATIENT | {"id": "a"}, if_match='3"\r\nX: y'),
        lambda: list(fhir.search("Patient", updated_since=datetime(2026, 1, 1))),  # noqa: DTZ001
        lambda: fhir.batch([]),
    ]
    for call in refused:
        with pytest.raises(InvalidInput) as error:
            call()
        assert NAME not in str(error.value)


@pytest.mark.usefixtures("every_line")
def test_lines_and_values_tell_of_nobody(network: responses.RequestsMock, fhir: FhirClient) -> None:
    network.post(f"{BASE}/Patient/_search", json=bundle("searchset", match(NAME), links={"next": f"{BASE}/{NAME}?p=2"}))
    network.get(f"{BASE}/{NAME}?p=2", json=bundle("searchset"))
    network.put(f"{BASE}/Patient/{NAME}", json=held(NAME))

    with structlog.testing.capture_logs() as lines:
        shown = [repr(one) for one in fhir.search("Patient", {"family": NAME})]
        shown.append(repr(fhir.update(PATIENT | {"id": NAME})))

    assert [line["path"] for line in lines] == [*["/fhir/Patient/_search"] * 2, "/fhir/Patient/{id}"]
    assert len(shown) == 2
    assert NAME not in f"{lines} {shown}"


def test_a_backend_proves_itself_by_a_signed_assertion(network: responses.RequestsMock) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    tokens = itertools.count(1)

    def give(_: Any) -> tuple[int, dict[str, str], str]:
        return 200, {}, orjson.dumps({"access_token": f"t{next(tokens)}", "expires_in": 300}).decode()

    configuration = {"token_endpoint": "https://auth.example/token"}
    network.get(f"{BASE}/.well-known/smart-configuration", json=configuration)
    network.add_callback(responses.POST, "https://auth.example/token", give, content_type="application/json")
    fhir = FhirClient.for_backend(
        BASE,
        "client-1",
        pem,
        scope="system/Patient.rs",
        algorithm="ES384",
        key_id="k1",
        session=requests.Session(),
    )
    network.get(f"{BASE}/Patient/a", status=401)
    network.get(f"{BASE}/Patient/a", json=held("a"))

    assert fhir.read("Patient", "a").id == "a"

    asked = [call.request for call in network.calls if call.request.method == "POST"]
    assert len(asked) == 2
    form = {name: values[0] for name, values in parse_qs(asked[0].body.decode()).items()}
    proof = jwt.decode(form["client_assertion"], import_key(pem, "EC"), algorithms=["ES384"])
    assert proof.header["kid"] == "k1"
    assert (proof.claims["iss"], proof.claims["aud"]) == ("client-1", "https://auth.example/token")
    assert (form["grant_type"], form["scope"]) == ("client_credentials", "system/Patient.rs")
    assert network.calls[-1].request.headers["Authorization"] == "Bearer t2"


def test_a_server_that_does_not_say_where_tokens_are_given(network: responses.RequestsMock) -> None:
    network.get(f"{BASE}/.well-known/smart-configuration", json={})

    with pytest.raises(errors.ResponseInvalid, match="pass token_url"):
        FhirClient.for_backend(BASE, "c", "no key", scope="system/*.rs", session=requests.Session())
