"""The type `fhir` over a system that behaves as a FHIR R4 server does. What tells of a patient stands nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.clients.errors import PositionExpired, RemoteConflict
from gateway.entities.external import RecordInvalid
from gateway.integrations.kinds.fhir.kind import FhirType
from tests.services.fhir_api import FhirApi
from tests.services.integration_types import ResourceCase, TypeCase, opened
from tests.services.json_server import json_server
from tests.services.type_contract import TypeContract, cursor_after, outgoing

TOKEN = "token-of-the-fhir-server"
CODE = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}], "text": "Heart rate"}


@pytest.fixture
def api() -> FhirApi:
    made = FhirApi(TOKEN)
    for number in range(100):
        name = [{"family": f"Geheim{number}", "given": ["Ada"]}]
        made.put("Patient", f"p{number}", {"name": name, "gender": "female", "birthDate": "1815-12-10"})
        subject = {"reference": f"Patient/p{number}"}
        value = {"value": 60 + number, "unit": "/min"}
        content = {"status": "final", "code": CODE, "subject": subject, "valueQuantity": value}
        made.put("Observation", f"o{number}", content)
    return made


@pytest.fixture
def case(api: FhirApi, tmp_path: Path) -> Iterator[TypeCase]:
    kind = FhirType()
    with json_server(api) as url, opened(kind, {"base_url": url}, {"token": TOKEN}, tmp_path) as instance:
        by_name = {one.name: one for one in kind.resources(instance)}
        yield TypeCase(
            kind=kind,
            instance=instance,
            resources={
                "patients": ResourceCase(
                    resource=by_name["patients"],
                    touch=lambda: touched(api, "Patient", "p3", {"active": True}),
                    create={"names": [{"family": "Geheim", "given": ["Mary"]}], "gender": "female"},
                    edit={"active": False, "birth_date": "1921-04-09"},
                    broken=({"id": "1", "gender": 3}, {"id": "1", "name": "Ada"}, {"id": ""}),
                ),
                "observations": ResourceCase(
                    resource=by_name["observations"],
                    touch=lambda: touched(api, "Observation", "o3", {"status": "amended"}),
                    create={"status": "final", "code": CODE, "subject": {"reference": "Patient/p1"}},
                    edit={"status": "corrected"},
                    broken=({"id": "1", "code": CODE}, {"id": "1", "status": "final", "code": "pulse"}),
                ),
            },
            secrets=(TOKEN, "Geheim", "1815-12-10"),
            refuse=lambda: refusing(api),
        )


def touched(api: FhirApi, name: str, identifier: str, changes: dict[str, Any]) -> str:
    known = api.resources[name][identifier]
    assert known is not None
    api.put(name, identifier, {**known, **changes})
    return identifier


@contextmanager
def refusing(api: FhirApi) -> Iterator[None]:
    api.token = "another"
    yield
    api.token = TOKEN


class TestFhir(TypeContract):
    """What holds for each type."""


def test_what_was_deleted_is_in_the_history(case: TypeCase, api: FhirApi) -> None:
    patients = case.resources["patients"].resource
    cursor = cursor_after(patients.pages(None, None))
    api.delete("Patient", "p7")
    api.delete("Patient", "p8")
    api.put("Patient", "p8", {"name": []})
    assert [one for page in patients.pages(cursor, None) for one in page.deleted] == ["p7"]
    api.keeps_history = False
    assert [one for page in patients.pages(cursor, None) for one in page.deleted] == []


def test_a_deletion_amid_the_first_reading_is_found_by_the_next(case: TypeCase, api: FhirApi) -> None:
    patients = case.resources["patients"].resource
    reading = patients.pages(None, None)
    pages = [next(reading)]
    api.delete("Patient", "p1")
    for number in range(90, 95):
        touched(api, "Patient", f"p{number}", {"active": True})
    pages += list(reading)
    assert [one for page in patients.pages(cursor_after(pages), None) for one in page.deleted] == ["p1"]


def test_a_search_that_is_no_longer_kept_has_expired(case: TypeCase, api: FhirApi) -> None:
    patients = case.resources["patients"].resource
    first = next(patients.pages(None, None))
    api.searches.clear()
    with pytest.raises(PositionExpired):
        list(patients.pages(None, first.next))


def test_an_update_keeps_what_it_does_not_know_and_is_bound_to_the_version(case: TypeCase, api: FhirApi) -> None:
    one = case.resources["patients"]
    touched(api, "Patient", "p5", {"extension": [{"url": "urn:x", "valueString": "kept"}], "gender": "other"})
    raw = one.resource.look_up(["p5"])["p5"]
    before = one.resource.map(raw)
    one.resource.update(outgoing(one, before, fields={"gender": None, "active": True}))
    now = api.resources["Patient"]["p5"]
    assert now is not None
    assert (now["extension"][0]["valueString"], now["active"], "gender" in now) == ("kept", True, False)
    with pytest.raises(RemoteConflict):
        one.resource.delete(outgoing(one, before))


def test_an_observation_belongs_to_its_patient(case: TypeCase) -> None:
    observations = case.resources["observations"].resource
    mapped = observations.map(next(observations.pages(None, None)).records[4])
    assert (mapped.name, mapped.parent, mapped.state) == ("Heart rate", "p4", "final")
    elsewhere = {"id": "1", "status": "final", "code": CODE, "subject": {"reference": "Group/g1"}}
    assert observations.map(elsewhere).parent is None


def test_nothing_that_tells_of_a_patient_stands_in_urls_or_reasons(case: TypeCase, api: FhirApi) -> None:
    one = case.resources["patients"]
    one.resource.find(outgoing(one, key="out_geheim"))
    assert not [url for url in api.urls if "out_geheim" in url]
    with pytest.raises(RecordInvalid) as raised:
        one.resource.map({"id": "p1", "gender": ["Geheim"], "name": "Geheim"})
    assert "Geheim" not in str(raised.value)
