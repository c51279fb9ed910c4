"""Replays through the API: asked for, counted beforehand, seen, stopped."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.engines.kinds import KINDS
from gateway.jobs.runner import JobRunner
from tests.integration.api.conftest import ApiUnderTest, code, faults
from tests.services.acting import add_tenant
from tests.services.rows import store_event
from tests.services.waiting import until

AT = datetime(2025, 12, 31, 23, tzinfo=UTC)


def test_many_events_are_replayed_by_a_worker(api: ApiUnderTest) -> None:
    api.post("/destinations", {"name": "app", "url": "http://127.0.0.1:9/"})
    for source in ("github", "github", "stripe"):
        store_event(api.database, AT, source=source)
    runner = JobRunner(api.installation, KINDS)

    def is_over(replay: str) -> bool:
        runner.step()
        return api.get(f"/replays/{replay}", key=key).get_json()["state"] not in {"pending", "running"}

    key = api.make_key("replayer", "events:replay")
    draft = {"source": "github", "since": "2025-12-31T00:00:00+01:00", "destination": "app"}
    planned = api.post("/replays", {**draft, "plan": True}, key=key)
    assert planned.status_code == 201
    document = planned.get_json()
    assert (document["state"], document["plan"], document["asker_name"]) == ("pending", True, "replayer")
    assert document["asked"]["since"] == "2025-12-30T23:00:00+00:00"
    until(lambda: is_over(document["id"]), "a worker to count")
    told = api.get(planned.headers["Location"].removeprefix("/api/v1"), key=key).get_json()
    assert (told["state"], told["counts"]["events"], told["counts"]["created"]) == ("succeeded", 2, 2)
    assert api.get("/deliveries").get_json()["data"] == []
    api.clock.advance(60)
    # As it was counted: with the end that the plan had.
    marked = {"Idempotency-Key": "once"}
    end = told["asked"]["until"]
    asked = api.post("/replays", {**draft, "until": end}, key=key, headers=marked)
    assert api.post("/replays", {**draft, "until": end}, key=key, headers=marked).data == asked.data
    assert [row["plan"] for row in api.get("/replays", key=key).get_json()["data"]] == [False, True]
    until(lambda: is_over(asked.get_json()["id"]), "a worker to be done")
    done = api.get(f"/replays/{asked.get_json()['id']}", key=key).get_json()
    assert (done["state"], done["counts"], done["asked"]["until"]) == ("succeeded", told["counts"], end)
    assert len(api.get("/deliveries").get_json()["data"]) == 2
    assert code(api.post(f"/replays/{done['id']}/cancel", key=key)) == (409, "illegal_transition")
    waiting = api.post("/replays", draft, key=key).get_json()
    assert api.post(f"/replays/{waiting['id']}/cancel", key=key).get_json()["state"] == "cancelled"
    assert [row["id"] for row in api.get("/replays?state=cancelled").get_json()["data"]] == [waiting["id"]]
    told_of = api.get(f"/audit?object={done['id']}").get_json()["data"]
    assert [(row["action"], row["actor_name"]) for row in told_of] == [
        ("replay.ended", "replayer"),
        ("replay.asked", "replayer"),
    ]


def test_what_is_refused(api: ApiUnderTest) -> None:
    for document, found in (
        ({"source": "github", "again": "twice"}, {"/again": "malformed"}),
        ({"status": "lost"}, {"/status": "malformed"}),
        ({"since": "yesterday"}, {"/since": "malformed"}),
        ({"type": "["}, {"/type": "malformed"}),
        ({"source": "github", "q": "word"}, {"/q": "not_taken"}),
    ):
        refused = api.post("/replays", document)
        assert (code(refused), faults(refused)) == ((422, "invalid_input"), found), document
    for document in ({}, {"plan": True}, {"destination": "app"}, {"source": "a", "route": "b", "destination": "c"}):
        assert code(api.post("/replays", document)) == (422, "invalid_input"), document
    assert code(api.post("/replays", {"source": "github", "route": "none"})) == (404, "not_found")
    asked = api.post("/replays", {"source": "github"}).get_json()["id"]
    add_tenant(api.database, api.clock, "acme")
    acme = api.make_key("theirs", tenant="acme")
    for refused in (api.get(f"/replays/{asked}", key=acme), api.post(f"/replays/{asked}/cancel", key=acme)):
        assert code(refused) == (404, "not_found")
    assert api.get("/replays", key=acme).get_json()["data"] == []
    assert code(api.get("/replays", key=api.make_key("reader", "events:read"))) == (403, "scope_missing")
