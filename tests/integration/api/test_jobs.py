"""Jobs and schedules through the API: found, stopped, tried again, paused, run by hand."""

from __future__ import annotations

from datetime import timedelta

from gateway.db.model import SYSTEM
from gateway.jobs.models import JobState
from tests.integration.api.conftest import ApiUnderTest, code, faults
from tests.services.rows import store_job, store_schedule


def test_jobs_are_found_stopped_and_tried_again(api: ApiUnderTest) -> None:
    now = api.installation.now()
    schedule = store_schedule(api.database, now, "nightly")
    running = store_job(api.database, now, JobState.RUNNING, worker="box:1", schedule_id=schedule)
    waiting = store_job(api.database, now + timedelta(seconds=1), kind="events.replay")
    store_job(api.database, now, tenant_id=SYSTEM, kind="purge")
    reader, writer = api.make_key("reader", "jobs:read"), api.make_key("writer", "jobs:write")

    def found(query: str = "") -> list[str]:
        return [row["id"] for row in api.get(f"/jobs{query}", key=reader).get_json()["data"]]

    assert found() == [waiting, running]
    assert found("?state=running") == found(f"?schedule={schedule}") == [running]
    assert found("?kind=events.replay") == [waiting]
    assert faults(api.get("/jobs?state=lost")) == {"state": "malformed"}
    shown = api.get(f"/jobs/{running}", key=reader).get_json()
    assert (shown["state"], shown["progress_done"], shown["progress_total"], shown["progress_line"]) == (
        "running",
        5,
        10,
        "half of it",
    )
    assert (shown["asker_name"], shown["payload"]) == ("somebody", {"n": 1})
    # Which machine it is concerns who runs it.
    operator = api.make_key("on-call", "operator")
    assert api.get(f"/jobs/{running}", key=operator).get_json()["worker"] == "box:1"
    for key in (reader, api.make_key("admin", "admin")):
        assert api.get(f"/jobs/{running}", key=key).get_json()["worker"] is None
        assert {row["worker"] for row in api.get("/jobs", key=key).get_json()["data"]} == {None}

    assert code(api.post(f"/jobs/{waiting}/cancel", key=reader)) == (403, "scope_missing")
    assert code(api.post(f"/jobs/{waiting}/retry")) == (409, "illegal_transition")
    assert api.post(f"/jobs/{waiting}/cancel", key=writer).get_json()["state"] == "cancelled"
    asked = api.post(f"/jobs/{running}/cancel", key=writer).get_json()
    assert (asked["state"], asked["cancel_requested_at"]) == ("running", "2026-01-01T00:00:00.000Z")
    assert asked["worker"] is None
    # Who may not ask for such a job may not have it carried out again either.
    assert code(api.post(f"/jobs/{waiting}/retry", key=writer)) == (403, "scope_missing")
    replayer = api.make_key("replayer", "jobs:write", "events:replay")
    again = api.post(f"/jobs/{waiting}/retry", key=replayer).get_json()
    assert (again["state"], again["finished_at"], again["progress_done"]) == ("pending", None, 5)
    told = api.get(f"/audit?object={waiting}").get_json()["data"]
    assert [(row["action"], row["actor_name"]) for row in told] == [
        ("job.retried", "replayer"),
        ("job.cancelled", "writer"),
    ]


def test_schedules_are_found_by_name_and_id_paused_and_run(api: ApiUnderTest) -> None:
    now = api.installation.now()
    first = store_schedule(api.database, now, "hourly", every_seconds=None, cron="0 * * * *", time_zone="UTC")
    second = store_schedule(api.database, now + timedelta(seconds=1), "sync")
    store_schedule(api.database, now, "purge", tenant_id=SYSTEM)
    reader, writer = api.make_key("reader", "schedules:read"), api.make_key("writer", "schedules:write")
    listed = api.get("/schedules", key=reader).get_json()["data"]
    assert [(row["id"], row["every_seconds"], row["cron"], row["time_zone"]) for row in listed] == [
        (first, None, "0 * * * *", "UTC"),
        (second, 60, None, None),
    ]
    assert api.get("/schedules/sync", key=reader).get_json() == api.get(f"/schedules/{second}").get_json() == listed[1]
    assert code(api.get("/schedules/purge", key=reader)) == (404, "not_found")
    assert code(api.post("/schedules/sync/pause", key=reader)) == (403, "scope_missing")
    for _ in range(2):
        paused = api.post("/schedules/sync/pause", key=writer).get_json()
        assert (paused["state"], paused["next_at"]) == ("paused", None)
    assert [row["id"] for row in api.get("/schedules?state=paused").get_json()["data"]] == [second]
    resumed = api.post(f"/schedules/{second}/resume", key=writer).get_json()
    assert (resumed["state"], resumed["next_at"]) == ("active", listed[1]["next_at"])
    assert code(api.post("/schedules/sync/run-now", key=writer)) == (403, "scope_missing")
    refused = api.post("/schedules/sync/run-now", key=api.make_key("operator", "operator"))
    assert (code(refused), "'tests.plain' are not known" in refused.get_json()["detail"]) == ((409, "conflict"), True)
    assert code(api.get("/schedules?state=lost")) == (422, "invalid_input")
    missing = api.get("/schedules/snyc").get_json()
    assert (missing["code"], missing["hints"][0]["action"], missing["hints"][0]["parameters"]) == (
        "not_found",
        "did_you_mean",
        {"names": ["sync"]},
    )
