"""The watch over sources: it learns from the journal, and tells of a silence once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from gateway.clock import FakeClock, from_us, to_us
from gateway.config import Settings
from gateway.doctor.check import Level
from gateway.doctor.silence import silence
from gateway.events.append import EventRow, append_events
from gateway.events.models import Event
from gateway.events.system import SOURCE_SILENT
from gateway.installation import Installation
from gateway.jobs.here import carry_out_here
from gateway.jobs.request import Holder, request_job
from gateway.jobs.summary import JobSummary
from gateway.tenants.acting import act, act_for_system
from gateway.tenants.models import DEFAULT_TENANT_ID
from gateway.webhooks.rhythm.kind import WATCH
from gateway.webhooks.rhythm.models import SourceRhythm
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.management import add_source, disable_source
from gateway.webhooks.sources.removal import remove_source
from tests.services.acting import TESTER
from tests.services.rows import id_at

QUARTER = timedelta(minutes=15)


@dataclass
class Watched:
    """An installation with sources to which something comes every quarter of an hour."""

    installation: Installation
    clock: FakeClock
    sources: dict[str, str] = field(default_factory=dict)

    def add(self, slug: str) -> None:
        with act(self.installation, actor=TESTER, write=True) as acting:
            draft = SourceDraft(slug=slug, provider="github", credentials={"secret": "a secret of a test"})
            self.sources[slug] = add_source(acting, draft).source.id

    def receive(self, slug: str, since: timedelta, until: timedelta = timedelta()) -> None:
        """What came between the two, which are before now."""
        now = from_us(self.clock.now_us())
        count = int((since - until) / QUARTER)
        rows = [self._event(slug, now - since + number * QUARTER) for number in range(count)]
        with self.installation.database.write() as connection:
            append_events(connection, rows)

    def watch(self) -> Mapping[str, Any]:
        def ask(holder: Holder) -> JobSummary:
            with act_for_system(self.installation, actor=TESTER, write=True) as acting:
                return request_job(acting, WATCH, {}, holder=holder)

        result = carry_out_here(self.installation, WATCH, ask, actor=TESTER, on_progress=lambda *_: None)
        assert result is not None
        return result

    def told(self) -> list[Mapping[str, Any]]:
        with self.installation.database.system_session() as session:
            bodies = session.scalars(select(Event.body).where(Event.type == SOURCE_SILENT).order_by(Event.id))
            return [json.loads(body)["data"] for body in bodies]

    def rhythms(self) -> list[str]:
        with self.installation.database.system_session() as session:
            return list(session.scalars(select(SourceRhythm.source_id)))

    def _event(self, slug: str, at: Any) -> EventRow:
        return EventRow(
            id=id_at("evt", at),
            tenant_id=DEFAULT_TENANT_ID,
            source_id=self.sources[slug],
            source=slug,
            provider="github",
            type="push",
            dedupe_key=None,
            received_at=to_us(at),
            request_id=None,
            method="POST",
            url="",
            content_type="application/json",
            body_bytes=2,
            headers=b"[]",
            body=b"{}",
        )


@pytest.fixture
def watched(settings: Settings, fake_clock: FakeClock) -> Iterator[Watched]:
    with Installation(settings, clock=fake_clock) as installation:
        yield Watched(installation, fake_clock)


def test_a_silence_is_told_once_until_something_comes(watched: Watched) -> None:
    watched.add("busy")
    watched.add("other")
    for slug in ("busy", "other"):
        watched.receive(slug, timedelta(days=16))
    assert watched.watch() == {"events": 2 * 16 * 96, "silent": 0}
    # Nothing new: nothing is learned twice.
    assert watched.watch() == {"events": 0, "silent": 0}
    watched.clock.advance(6 * 3600)
    watched.receive("other", timedelta(hours=6))
    assert watched.watch() == {"events": 24, "silent": 1}
    (told,) = watched.told()
    assert (told["source"], told["expected"], told["per_week"]) == ("busy", 25, 672.0)
    assert [(one.level, "busy" in one.detail) for one in silence(watched.installation)] == [(Level.WARN, True)]
    watched.clock.advance(3600)
    watched.receive("other", timedelta(hours=1))
    assert watched.watch()["silent"] == 0
    watched.clock.advance(1800)
    watched.receive("busy", timedelta(minutes=30))
    watched.watch()
    assert [one.level for one in silence(watched.installation)] == [Level.OK]
    # The next silence is another one.
    watched.clock.advance(24 * 3600)
    assert watched.watch()["silent"] == 2
    assert len(watched.told()) == 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_switched_off_or_removed_is_not_told(watched: Watched) -> None:
    for slug in ("off", "gone"):
        watched.add(slug)
        watched.receive(slug, timedelta(days=16))
    watched.watch()
    assert sorted(watched.rhythms()) == sorted(watched.sources.values())
    with act(watched.installation, actor=TESTER, write=True) as acting:
        disable_source(acting, "off")
        remove_source(acting, "gone")
    watched.clock.advance(24 * 3600)
    watched.watch()
    assert watched.told() == []
    assert watched.rhythms() == [watched.sources["off"]]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_events_of_our_own_have_no_rhythm(watched: Watched) -> None:
    at = from_us(watched.clock.now_us()) - timedelta(hours=1)
    watched.sources["gateway"] = "gateway"
    with watched.installation.database.write() as connection:
        connection.execute(insert(Event.__table__).values(_system_event(at)))
    assert watched.watch() == {"events": 0, "silent": 0}
    assert watched.rhythms() == []


def _system_event(at: Any) -> Mapping[str, Any]:
    return {
        "id": id_at("evt", at),
        "tenant_id": DEFAULT_TENANT_ID,
        "source_id": "gateway",
        "source": "gateway",
        "provider": "gateway",
        "type": "gateway.delivery.dead",
        "received_at": at,
        "method": "POST",
        "url": "",
        "body_bytes": 2,
        "headers": b"[]",
        "body": b"{}",
    }
