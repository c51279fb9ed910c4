"""The type `openai` over a system that gives vectors as OpenAI's API does, and entities in a database."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.db.database import Database
from gateway.entities.external import ExternalResource, RemotePage
from gateway.entities.models import Entity
from gateway.integrations.kinds.openai.kind import OpenAIType
from gateway.integrations.kinds.openai.subjects import SUBJECTS_A_PAGE
from gateway.integrations.models import Integration
from tests.services.acting import acting_on, installation_on
from tests.services.integration_types import ResourceCase, TypeCase, opened_in
from tests.services.json_server import Asked, Said, json_server
from tests.services.type_contract import TypeContract

KEY = "sk-key-of-a-test"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
COUNT = SUBJECTS_A_PAGE + 50


@dataclass
class Vectors:
    """Gives vectors, and counts a token for each word. A text with `forbidden` in it is refused."""

    key: str = KEY
    sent: list[str] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Said:
        if asked.headers.get("authorization") != f"Bearer {self.key}":
            message = f"Incorrect API key provided: {asked.headers.get('authorization')}"
            return Said(
                401, {"error": {"message": message, "type": "invalid_request_error", "code": "invalid_api_key"}}
            )
        texts = asked.document["input"]
        if any("forbidden" in text for text in texts):
            return Said(400, {"error": {"message": "no", "type": "invalid_request_error", "code": None}})
        self.sent += texts
        data = [{"object": "embedding", "index": n, "embedding": vector_of(text)} for n, text in enumerate(texts)]
        usage = {"prompt_tokens": sum(len(text.split()) for text in texts)}
        return Said(200, {"object": "list", "data": data, "model": asked.document["model"], "usage": usage})


def vector_of(text: str) -> str:
    numbers = [len(text) / 7, 0.1, -1.0]
    return base64.b64encode(struct.pack("<3f", *numbers)).decode()


@pytest.fixture
def vectors() -> Vectors:
    return Vectors()


@pytest.fixture
def tenant_id(database: Database) -> str:
    with acting_on(database) as acting:
        add_integration(acting.session, "int_source", "crm", "rest", acting.tenant.id)
        add_integration(acting.session, "int_test", "vectors", "openai", acting.tenant.id)
        for number in range(COUNT):
            acting.session.add(entity(number, acting.tenant.id))
        return acting.tenant.id


def add_integration(session: Any, identifier: str, name: str, kind: str, tenant_id: str) -> None:
    made = Integration(id=identifier, tenant_id=tenant_id, name=name, type=kind, state="active", health_state="healthy")
    for empty in ("configuration", "sync", "prepared", "health"):
        setattr(made, empty, {})
    made.created_at = made.updated_at = NOW
    session.add(made)


def entity(number: int, tenant_id: str, **more: Any) -> Entity:
    given: dict[str, Any] = {
        "id": f"ent_{number:04}",
        "tenant_id": tenant_id,
        "instance_id": "int_source",
        "integration_name": "rest",
        "integration_id": f"{number:04}",
        "kind": "contact",
        "name": f"Person {number}",
        "attributes": {"note": f"note of {number}"},
        "content_hash": b"x" * 16,
        "changed_by": "pull",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Entity(**given | more)


@pytest.fixture
def case(vectors: Vectors, database: Database, tenant_id: str) -> Iterator[TypeCase]:
    kind = OpenAIType()
    with json_server(vectors) as url:
        configuration = {
            "integrations": ["crm"],
            "kinds": ["contact"],
            "fields": ["name", "attributes.note"],
            "base_url": url,
        }
        installation = installation_on(database)
        with opened_in(installation, kind, configuration, {"api_key": KEY}, tenant_id=tenant_id) as instance:
            resource = kind.resources(instance)[0]
            broken = ({"id": "ent_1", "of": "rest:1"}, {"id": "ent_1", "vector": "none"})
            yield TypeCase(
                kind=kind,
                instance=instance,
                resources={"embeddings": ResourceCase(resource=resource, broken=broken)},
                secrets=(KEY,),
                refuse=lambda: refusing(vectors),
            )


@contextmanager
def refusing(vectors: Vectors) -> Iterator[None]:
    vectors.key = "another"
    yield
    vectors.key = KEY


class TestOpenAI(TypeContract):
    """What holds for each type; looking up is below, since an embedding is there when a sync has stored it."""

    def test_records_are_looked_up_by_their_ids(self, case: TypeCase, database: Database, tenant_id: str) -> None:  # type: ignore[override]
        resource = case.resources["embeddings"].resource
        stored(resource, list(resource.pages(None, None)), database, tenant_id)
        found = resource.look_up(["ent_0003", "ent_9999"])
        assert found["ent_9999"] is None
        assert found["ent_0003"] is not None
        assert resource.map(found["ent_0003"]).attributes["of"] == "rest:0003"


def stored(resource: ExternalResource, pages: list[RemotePage], database: Database, tenant_id: str) -> None:
    """What a sync keeps of a reading."""
    with database.tenant_session(tenant_id, write=True) as session:
        for raw in [raw for page in pages for raw in page.records]:
            mapped = resource.map(raw)
            known = session.get(Entity, f"emb_{mapped.integration_id}")
            attributes = dict(mapped.attributes)
            if known is not None:
                known.attributes = attributes
                continue
            made = entity(0, tenant_id, id=f"emb_{mapped.integration_id}", instance_id="int_test", kind="embedding")
            made.integration_name, made.integration_id, made.name = "openai", mapped.integration_id, mapped.name
            made.attributes = attributes
            session.add(made)


def change(database: Database, tenant_id: str, number: int, **changes: Any) -> None:
    with database.tenant_session(tenant_id, write=True) as session:
        found = session.get(Entity, f"ent_{number:04}")
        for name, value in changes.items():
            setattr(found, name, value)


def test_only_what_changed_is_embedded_again(
    case: TypeCase, vectors: Vectors, database: Database, tenant_id: str
) -> None:
    resource = case.resources["embeddings"].resource
    first = list(resource.pages(None, None))
    assert len(vectors.sent) == COUNT
    assert vectors.sent[0] == "name: Person 0\nnote: note of 0"
    stored(resource, first, database, tenant_id)
    vectors.sent.clear()
    again = list(resource.pages(None, None))
    assert (vectors.sent, [page.requests for page in again]) == ([], [0, 0])
    assert [resource.map(raw) for page in again for raw in page.records] == [
        resource.map(raw) for page in first for raw in page.records
    ]
    change(database, tenant_id, 7, attributes={"note": "another", "unused": 1})
    change(database, tenant_id, 8, attributes={"note": "note of 8", "unused": 2})
    change(database, tenant_id, 9, deleted_at=NOW)
    ids = [resource.identify(raw) for page in resource.pages(None, None) for raw in page.records]
    assert vectors.sent == ["name: Person 7\nnote: another"]
    assert len(ids) == COUNT - 1
    assert "ent_0009" not in ids


def test_a_sync_spends_no_more_tokens_than_it_may(
    case: TypeCase, vectors: Vectors, database: Database, tenant_id: str
) -> None:
    limited = replace(case.instance, configuration={**case.instance.configuration, "tokens_per_sync": 1_000})
    [resource] = case.kind.resources(limited)
    counts = []
    for _ in range(20):
        vectors.sent.clear()
        pages = list(resource.pages(None, None))
        assert sum(len(text.split()) for text in vectors.sent) <= 1_000
        stored(resource, pages, database, tenant_id)
        counts.append(sum(len(page.records) for page in pages))
        if counts[-1] == COUNT:
            break
    assert counts[-1] == COUNT
    assert counts == sorted(counts)
    assert len(counts) > 1


def test_what_is_refused_is_one_record_and_not_the_sync(
    case: TypeCase, vectors: Vectors, database: Database, tenant_id: str
) -> None:
    change(database, tenant_id, 3, name="forbidden")
    resource = case.resources["embeddings"].resource
    records = [raw for page in resource.pages(None, None) for raw in page.records]
    without = [resource.identify(raw) for raw in records if "vector" not in raw]
    assert (len(records), without) == (COUNT, ["ent_0003"])


def test_an_integration_that_is_gone_is_told_and_takes_no_vector_away(case: TypeCase) -> None:
    wrong = replace(case.instance, configuration={**case.instance.configuration, "integrations": ["crm", "gone"]})
    [resource] = case.kind.resources(wrong)
    with pytest.raises(Exception, match="no integration gone"):
        list(resource.pages(None, None))
