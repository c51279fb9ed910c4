"""The type `salesforce` over a system that behaves as Salesforce's REST API does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.clients.errors import IntegrationError, PositionExpired
from gateway.entities.external import ExternalResource
from gateway.integrations.kinds.salesforce.kind import SalesforceType
from tests.services.integration_types import ResourceCase, TypeCase, opened
from tests.services.json_server import json_server
from tests.services.salesforce_api import SalesforceApi, written
from tests.services.type_contract import TypeContract, cursor_after, outgoing

TOKEN = "00Dx0000000token"


@pytest.fixture
def api() -> SalesforceApi:
    made = SalesforceApi(TOKEN)
    for number in range(100):
        made.add("Contact", FirstName="Ada", LastName=f"L{number}", Email=f"a{number}@example.com", Region__c="EU")
        made.add("Account", Name=f"Account {number}")
        made.add("Lead", LastName=f"L{number}", Company="Acme", IsConverted=False)
    return made


@pytest.fixture
def case(api: SalesforceApi, tmp_path: Path) -> Iterator[TypeCase]:
    kind = SalesforceType()
    with json_server(api) as url:
        configuration = {
            "instance_url": url,
            "external_id_field": "Gateway_Key__c",
            "further_fields": {"contacts": ["Region__c"]},
        }
        with opened(kind, configuration, {"access_token": TOKEN}, tmp_path) as instance:
            by_name = {one.name: one for one in kind.resources(instance)}
            yield TypeCase(
                kind=kind,
                instance=instance,
                resources={
                    "contacts": ResourceCase(
                        resource=by_name["contacts"],
                        touch=lambda: touched(api, "Contact"),
                        create={"last_name": "Jackson", "email": "mary@example.com", "Region__c": "US"},
                        edit={"phone": "+1 555 0100"},
                        broken=({"Id": "003"}, {"Id": 3, "LastName": None}, {"LastName": "A"}),
                    ),
                    "accounts": ResourceCase(
                        resource=by_name["accounts"],
                        touch=lambda: touched(api, "Account"),
                        create={"account_name": "Acme"},
                        edit={"website": "https://acme.example"},
                        broken=({"Id": "001", "Name": 3},),
                    ),
                    "leads": ResourceCase(
                        resource=by_name["leads"],
                        touch=lambda: touched(api, "Lead"),
                        create={"last_name": "Jackson", "company": "NASA"},
                        edit={"status": "Open"},
                        broken=({"Id": "00Q", "LastName": "A", "IsConverted": "perhaps"},),
                    ),
                },
                secrets=(TOKEN,),
                refuse=lambda: refusing(api),
            )


def touched(api: SalesforceApi, sobject: str) -> str:
    record = list(api.records[sobject].values())[3]
    api.touch(record, Phone="+1 555 0103")
    return str(record["Id"])


@contextmanager
def refusing(api: SalesforceApi) -> Iterator[None]:
    api.token = "another"
    yield
    api.token = TOKEN


class TestSalesforce(TypeContract):
    """What holds for each type."""


@pytest.fixture
def contacts(case: TypeCase) -> ExternalResource:
    return case.resources["contacts"].resource


def nth(api: SalesforceApi, number: int) -> dict[str, Any]:
    return list(api.records["Contact"].values())[number]


def test_what_was_deleted_and_merged_says_what_it_became(contacts: ExternalResource, api: SalesforceApi) -> None:
    cursor = cursor_after(contacts.pages(None, None))
    master = nth(api, 5)["Id"]
    api.delete(nth(api, 3))
    api.delete(nth(api, 4), into=master)
    gone = [contacts.map(raw) for page in contacts.pages(cursor, None) for raw in page.records]
    told = {one.integration_id: one.merged_into for one in gone if one.is_deleted}
    assert told == {nth(api, 3)["Id"]: None, nth(api, 4)["Id"]: master}


def test_a_deletion_amid_the_first_reading_is_found_by_the_next(contacts: ExternalResource, api: SalesforceApi) -> None:
    cursor = None
    for number, page in enumerate(contacts.pages(None, None)):
        if number == 0:
            api.delete(nth(api, 2))
            api.clock += timedelta(hours=1)
            api.touch(nth(api, 90))
        cursor = page.cursor or cursor
    found = [contacts.map(raw) for page in contacts.pages(cursor, None) for raw in page.records]
    assert [one.integration_id for one in found if one.is_deleted] == [nth(api, 2)["Id"]]


def test_what_is_no_longer_told_of_leads_to_a_whole_reading(contacts: ExternalResource, api: SalesforceApi) -> None:
    cursor = cursor_after(contacts.pages(None, None))
    api.deletions_since = api.clock
    with pytest.raises(PositionExpired, match="since a later time"):
        list(contacts.pages(cursor, None))
    long_ago = written(datetime.now(UTC) - timedelta(days=15))
    with pytest.raises(PositionExpired, match="15 days"):
        list(contacts.pages({"since": long_ago, "deleted_until": long_ago}, None))


def test_a_query_whose_rest_is_no_longer_kept_has_expired(contacts: ExternalResource, api: SalesforceApi) -> None:
    first = next(contacts.pages(None, None))
    api.rests.clear()
    with pytest.raises(PositionExpired):
        list(contacts.pages(None, first.next))


def test_a_create_whose_answer_was_lost_makes_nothing_twice(case: TypeCase, api: SalesforceApi) -> None:
    one = case.resources["contacts"]
    asked = outgoing(one, fields=one.create, attributes=one.create, key="out_1")
    api.lost_answers = 10
    with pytest.raises(IntegrationError):
        one.resource.create(asked)
    found = one.resource.find(asked)
    assert found is not None
    api.lost_answers = 0
    assert one.resource.create(asked)["Id"] == found["Id"]
    assert len(api.records["Contact"]) == 101


def test_an_update_sends_what_changed_and_the_time_that_it_is_based_on(case: TypeCase, api: SalesforceApi) -> None:
    one = case.resources["contacts"]
    before = one.resource.map(next(one.resource.pages(None, None)).records[0])
    one.resource.update(outgoing(one, before, fields={"phone": "1"}, attributes={"phone": "1"}))
    assert api.writes[-1][2] == {"Phone": "1"}
