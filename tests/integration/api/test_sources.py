"""Sources through the API, and with them what all resources share: lists, versions, faults by their place."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Thread

import requests
from sqlalchemy import select
from werkzeug.serving import make_server

from gateway.events.models import Event
from gateway.tenants.acting import act
from gateway.webhooks.sources.management import disable_source
from gateway.webhooks.sources.models import SourceCredential
from tests.integration.api.conftest import ApiUnderTest, code, faults
from tests.services.acting import TESTER
from tests.services.rows import store_event
from tests.services.waiting import until


def test_a_source_lives(api: ApiUnderTest) -> None:
    added = api.add_source()
    assert added.status_code == 201
    source = added.get_json()
    assert len(source["secret"]) == 64
    assert added.headers["Location"] == f"/api/v1/sources/{source['id']}"
    shown = api.get("/sources/github")
    assert shown.get_json() == {name: value for name, value in source.items() if name != "secret"}
    assert api.get(f"/sources/{source['id']}").get_json() == shown.get_json()
    changed = api.ask(
        "PATCH",
        "/sources/github",
        json={"allowed_ips": ["192.0.2.0/24"], "rate_per_second": 5},
        headers={"If-Match": shown.headers["ETag"]},
    )
    assert changed.status_code == 200
    assert changed.get_json()["allowed_ips"] == ["192.0.2.0/24"]
    assert api.get("/sources/github").headers["ETag"] == changed.headers["ETag"] != shown.headers["ETag"]
    rotated = api.post("/sources/github/rotate", {"generate": True, "overlap": "1h"}).get_json()
    assert rotated["secret"] != source["secret"]
    assert [one["expires_at"] for one in rotated["credentials"]] == ["2026-01-01T01:00:00.000Z", None]
    assert api.post("/sources/github/disable").get_json()["state"] == "disabled"
    assert api.post("/sources/github/enable", {}).get_json()["state"] == "enabled"
    assert source["secret"] not in api.get("/sources").get_data(as_text=True)


def test_a_list_goes_on_while_rows_come(api: ApiUnderTest) -> None:
    for slug in ("a", "c", "e"):
        api.add_source(slug)
    first = api.get("/sources?limit=2").get_json()
    for slug in ("b", "d"):
        api.add_source(slug)
    rest = api.get(f"/sources?limit=2&cursor={first['next_cursor']}").get_json()
    assert [row["slug"] for row in first["data"] + rest["data"]] == ["a", "c", "d", "e"]
    assert rest["next_cursor"] is None
    for query, found in {
        "limit=0": {"limit": "out_of_range"},
        "limit=201": {"limit": "out_of_range"},
        "limit=a": {"limit": "malformed"},
        "limit=1&limit=2": {"limit": "duplicate"},
        "cursor=abc": {"cursor": "malformed"},
        "cursor=%00": {"cursor": "malformed"},
        f"cursor={first['next_cursor']}&colour=red": {"colour": "not_taken"},
    }.items():
        refused = api.get(f"/sources?{query}")
        assert code(refused) == (422, "invalid_input"), query
        assert faults(refused) == found
    assert faults(api.get(f"/providers?cursor={first['next_cursor']}")) == {"cursor": "malformed"}
    providers = api.get("/providers?limit=1").get_json()
    after = api.get(f"/providers?limit=1&cursor={providers['next_cursor']}").get_json()
    assert providers["data"][0]["id"] < after["data"][0]["id"]


def test_every_fault_has_its_place(api: ApiUnderTest) -> None:
    refused = api.post(
        "/sources",
        {
            "slug": "Git Hub",
            "provider": "generic",
            "options": {"a.b/c": "x"},
            "allowed_ips": ["example.com"],
            "rate_per_second": -1,
        },
    )
    assert code(refused) == (422, "invalid_input")
    found = faults(refused)
    assert found.items() >= {"/slug": "malformed", "/options/a.b~1c": "not_taken"}.items()
    assert found.items() >= {"/allowed_ips": "malformed", "/rate_per_second": "out_of_range"}.items()
    assert faults(api.post("/sources", {"slug": "a", "colour": 1})) == {"/provider": "missing", "/colour": "not_taken"}
    wrong_types = {"slug": 1, "provider": [], "options": {"a": {}}, "allowed_ips": [3], "rate_per_second": "x"}
    assert faults(api.post("/sources", wrong_types)) == dict.fromkeys(
        ("/slug", "/provider", "/options/a", "/allowed_ips/0", "/rate_per_second"), "malformed"
    )
    near = api.get("/sources/githbu") if api.add_source().status_code == 201 else None
    assert near is not None
    assert near.get_json()["hints"][0]["parameters"] == {"names": ["github"]}
    taken = api.add_source()
    assert code(taken) == (409, "conflict")
    assert taken.get_json()["hints"][0]["operation"] == {"method": "GET", "href": "/api/v1/sources/github"}
    rotate = api.post("/sources/github/rotate", {})
    assert faults(rotate) == {"/value": "missing"}
    assert faults(api.post("/sources/github/enable", {"now": True})) == {"/now": "not_taken"}


def test_no_update_is_lost(api: ApiUnderTest) -> None:
    api.add_source()
    shown = api.get("/sources/github")
    etag = shown.headers["ETag"]
    assert api.get("/sources/github", headers={"If-None-Match": etag}).status_code == 304
    change = {"rate_per_second": 1}
    assert code(api.ask("PATCH", "/sources/github", json=change)) == (428, "precondition_required")
    for stale in ('"abc"', f"W/{etag}", "nonsense"):
        refused = api.ask("PATCH", "/sources/github", json=change, headers={"If-Match": stale})
        assert code(refused) == (412, "precondition_failed")
        assert refused.headers["ETag"] == etag
    # Somebody at the command line was quicker.
    with act(api.installation, actor=TESTER, write=True) as acting:
        disable_source(acting, "github")
    assert code(api.ask("PATCH", "/sources/github", json=change, headers={"If-Match": etag}))[0] == 412
    assert api.ask("PATCH", "/sources/github", json=change, headers={"If-Match": "*"}).status_code == 200


def test_of_two_updates_of_one_version_one_wins(api: ApiUnderTest) -> None:
    api.add_source()
    etag = api.get("/sources/github").headers["ETag"]
    ready, answers = Barrier(4), {}

    def change(rate: int) -> None:
        ready.wait()
        answers[rate] = api.ask(
            "PATCH", "/sources/github", json={"rate_per_second": rate}, headers={"If-Match": etag}
        ).status_code

    threads = [Thread(target=change, args=(rate,)) for rate in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers.values()) == [200, 412, 412, 412]
    [won] = [rate for rate, status in answers.items() if status == 200]
    assert api.get("/sources/github").get_json()["rate_per_second"] == won


def test_a_source_goes_and_its_events_stay(api: ApiUnderTest) -> None:
    source = api.add_source().get_json()
    event_id = store_event(api.database, api.installation.now(), source="github", source_id=source["id"])
    api.post("/destinations", {"name": "app", "url": "https://app.example.com"})
    route = api.post("/routes", {"source": "github", "destination": "app"}).get_json()
    etag = api.get("/sources/github").headers["ETag"]
    stale = api.ask("DELETE", "/sources/github", headers={"If-Match": '"stale"'})
    assert code(stale) == (412, "precondition_failed")
    refused = api.ask("DELETE", "/sources/github", headers={"If-Match": etag})
    assert code(refused) == (409, "conflict")
    assert refused.get_json()["hints"][0]["parameters"] == {"names": ["github-to-app"]}
    api.ask("DELETE", f"/routes/{route['id']}", headers={"If-Match": "*"})
    assert api.ask("DELETE", "/sources/github", headers={"If-Match": etag}).status_code == 204
    for again in (api.get(f"/sources/{source['id']}"), api.ask("DELETE", "/sources/github", headers={"If-Match": "*"})):
        assert code(again) == (404, "not_found")
    assert [event["id"] for event in api.get("/events?source=github").get_json()["data"]] == [event_id]
    with api.database.system_session() as session:
        assert session.scalars(select(SourceCredential)).all() == []
    # Another one, which has nothing of the first but its name.
    anew = api.add_source().get_json()
    assert anew["id"] != source["id"]
    assert len(anew["credentials"]) == 1


def test_no_route_is_left_without_its_source(api: ApiUnderTest) -> None:
    api.post("/destinations", {"name": "app", "url": "https://app.example.com"})
    for number in range(8):
        slug, ready, answers = f"source{number}", Barrier(2), {}
        api.add_source(slug)

        def do(method: str, path: str, body: object, ready: Barrier = ready, answers: dict[str, int] = answers) -> None:
            ready.wait()
            answers[method] = api.ask(method, path, json=body, headers={"If-Match": "*"}).status_code

        adding = Thread(target=do, args=("POST", "/routes", {"source": slug, "destination": "app"}))
        removing = Thread(target=do, args=("DELETE", f"/sources/{slug}", None))
        for thread in (adding, removing):
            thread.start()
        for thread in (adding, removing):
            thread.join()
        assert answers in ({"POST": 201, "DELETE": 409}, {"POST": 422, "DELETE": 204})


def test_two_who_add_the_same_source_at_once(api: ApiUnderTest) -> None:
    ready, answers = Barrier(4), []

    def add() -> None:
        ready.wait()
        answers.append(api.add_source().status_code)

    threads = [Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 409, 409, 409]


def test_a_signed_sample_comes_in_by_the_front(api: ApiUnderTest) -> None:
    server = make_server("127.0.0.1", 0, api.app, threaded=True)
    api.installation.settings = replace(api.installation.settings, base_url=f"http://127.0.0.1:{server.server_port}")
    with server, ThreadPoolExecutor(1) as pool:
        pool.submit(server.serve_forever)
        try:
            api.add_source()
            # At once: the front does not know the source yet, and is waited for.
            assert api.post("/sources/github/test", {}).get_json()["status"] == 200
            api.clock.advance(1)
            marked = {"Idempotency-Key": "once"}
            sent = api.post("/sources/github/test", {"type": "push"}, headers=marked)
            again = api.post("/sources/github/test", {"type": "push"}, headers=marked)
            own_body = api.post("/sources/github/test", {"body": '{"zen": "Keep it logically awesome."}'})
            with api.database.system_session() as session:
                events = session.scalars(select(Event).order_by(Event.id)).all()
            api.post("/sources/github/disable")
            api.clock.advance(1)
            until(
                lambda: api.post("/sources/github/test", {}).get_json()["status"] == 410, "the front knows it disabled"
            )
            url = api.get("/sources/github").get_json()["url"]
            assert api.ask("DELETE", "/sources/github", headers={"If-Match": "*"}).status_code == 204
            until(lambda: requests.post(url, timeout=10).status_code == 404, "the front knows it removed")
        finally:
            server.shutdown()
    answer = sent.get_json()
    assert (answer["source"], answer["type"], answer["status"]) == ("github", "push", 200)
    assert [event.id for event in events][1:] == [answer["event_id"], own_body.get_json()["event_id"]]
    assert again.data == sent.data
    assert events[2].body == b'{"zen": "Keep it logically awesome."}'
    assert faults_of_unknown_type(api) == (404, "not_found")


def faults_of_unknown_type(api: ApiUnderTest) -> tuple[int, str]:
    return code(api.post("/sources/github/test", {"type": "nothing.like.it"}))
