"""`/events/stream`: who may listen, to what, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from gateway.tenants.acting import act_for_system
from gateway.tenants.management import create_tenant
from tests.integration.api.conftest import ApiUnderTest, code, faults
from tests.services.acting import TESTER
from tests.services.event_stream import EventStreamReader
from tests.services.rows import store_event

# A stream that should end and does not has a sign of life after 15 seconds.
MOST_PIECES = 6


class Listening:
    """A stream, as a host of threads takes it."""

    def __init__(self, api: ApiUnderTest, path: str = "", *, key: str | None = None, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answer = api.get(f"/events/stream{path}", key=key, headers=named)
        assert self.answer.status_code == 200, self.answer.data
        self._pieces = iter(self.answer.response)
        self.reader = EventStreamReader()

    def until(self, condition: Callable[[EventStreamReader], object]) -> EventStreamReader:
        for _ in range(MOST_PIECES):
            if condition(self.reader):
                return self.reader
            piece = next(self._pieces, None)
            if piece is None:
                break
            assert isinstance(piece, bytes)
            self.reader.feed(piece)
        assert condition(self.reader), (self.reader.events, self.reader.comments)
        return self.reader

    def has_ended(self) -> bool:
        return next(self._pieces, None) is None


@pytest.fixture
def listen(api: ApiUnderTest) -> Iterator[Callable[..., Listening]]:
    made: list[Listening] = []

    def begin(path: str = "", *, key: str | None = None, **headers: str) -> Listening:
        made.append(Listening(api, path, key=key, **headers))
        return made[-1]

    yield begin
    for one in made:
        one.answer.close()


def test_events_are_told_as_they_come_and_from_the_last_one_on(
    api: ApiUnderTest, listen: Callable[..., Listening]
) -> None:
    stream = listen("?source=github&type=issues.*")
    assert stream.answer.content_type == "text/event-stream"
    assert stream.answer.headers["Cache-Control"] == "no-store"
    assert stream.answer.headers["X-Accel-Buffering"] == "no"
    assert stream.answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "RateLimit" in stream.answer.headers
    store_event(api.database, api.installation.now())
    wanted = store_event(api.database, api.installation.now(), type="issues.opened")
    assert stream.until(lambda reader: reader.events).ids == [wanted]
    shown = api.get(f"/events/{wanted}").get_json()
    [told] = stream.reader.events
    assert told.keys() == {"id", "data"}
    assert api.app.json.loads(told["data"]).items() <= shown.items()
    api.clock.advance(60)
    newer = store_event(api.database, api.installation.now(), type="issues.closed")
    back = listen("?type=issues.*", Last_Event_ID=wanted)
    assert back.until(lambda reader: len(reader.events) >= 2).ids == [wanted, newer]
    # As a client of which nothing is known that it has heard sends it.
    assert listen(Last_Event_ID="").reader.events == []


def test_who_may_not_listen_is_told_so_before_anything_is_sent(api: ApiUnderTest) -> None:
    key = api.make_key("other", "sources:read", "deliveries:read")
    assert code(api.get("/events/stream", key=key)) == (403, "scope_missing")
    for path, headers, fault in (
        ("?type=a[b", {}, {"type": "malformed"}),
        ("?since=2026-01-01T00:00:00Z", {}, {"since": "not_taken"}),
        ("", {"Last-Event-ID": "5"}, {"Last-Event-ID": "malformed"}),
    ):
        answer = api.get(f"/events/stream{path}", headers=headers)
        assert code(answer) == (422, "invalid_input"), path
        assert faults(answer) == fault
    assert code(api.post("/events/stream", {})) == (405, "method_not_allowed")


def test_another_tenants_events_are_not_told(api: ApiUnderTest, listen: Callable[..., Listening]) -> None:
    with act_for_system(api.installation, actor=TESTER, write=True) as acting:
        acme = create_tenant(acting, "acme")
    foreign = store_event(api.database, api.installation.now())
    operator = api.make_key("operator", "operator")
    api.clock.advance(1)
    for stream in (
        listen(key=api.make_key("stranger", tenant="acme"), Last_Event_ID=foreign),
        listen(key=operator, Gateway_Tenant="acme", Last_Event_ID=foreign),
    ):
        store_event(api.database, api.installation.now())
        theirs = store_event(api.database, api.installation.now(), tenant_id=acme.id)
        assert stream.until(lambda reader: reader.events).ids[-1] == theirs
        assert foreign not in stream.reader.ids
        api.clock.advance(10)


def test_a_key_that_opens_no_more_ends_its_streams(api: ApiUnderTest, listen: Callable[..., Listening]) -> None:
    revoked = listen(key=api.make_key("revoked", "events:read"))
    expired = listen(key=api.make_key("expired", "events:read", expires_in=timedelta(minutes=1)))
    staying = listen()
    for stream in (revoked, expired, staying):
        stream.until(lambda reader: "listening" in reader.comments)
    api.revoke("revoked")
    revoked.until(lambda reader: "ended: the API key opens no more" in reader.comments)
    assert revoked.has_ended()
    api.clock.advance(90)
    expired.until(lambda reader: "ended: the API key opens no more" in reader.comments)
    assert expired.has_ended()
    event = store_event(api.database, api.installation.now())
    assert staying.until(lambda reader: reader.events).ids == [event]


def test_too_many_are_told_to_come_again(api: ApiUnderTest, listen: Callable[..., Listening]) -> None:
    streams = [listen() for _ in range(50)]
    refused = api.get("/events/stream")
    assert code(refused) == (429, "too_many_listeners")
    assert int(refused.headers["Retry-After"]) > 0
    streams[0].answer.close()
    assert listen(key=api.make_key("another")).answer.status_code == 200
    assert listen().answer.status_code == 200
