"""Everything that is sealed is sealed anew with another key, while the gateway runs."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.db.paging import PageRequest
from gateway.db.sealing_keys import forget_key, known_keys
from gateway.delivery.destinations.loader import load_destinations
from gateway.delivery.destinations.rows import DestinationDefaults
from gateway.errors import Conflict, DecryptionFailed, InvalidInput, StorageUnavailable
from gateway.events.at_rest import open_request_part
from gateway.events.models import Event
from gateway.installation import Installation
from gateway.jobs.models import WorkerRow
from gateway.jobs.runner import JobRunner
from gateway.jobs.search import find_jobs
from gateway.jobs.summary import JobSummary
from gateway.jobs.workers.search import find_workers
from gateway.key_rotation import walking
from gateway.key_rotation.counting import count_old
from gateway.key_rotation.kind import ROTATE
from gateway.key_rotation.places import PLACES
from gateway.key_rotation.resealing import Resealer
from gateway.key_rotation.tally import Tally
from gateway.oauth import vault
from gateway.oauth.models import VaultEntry
from gateway.security.sealing import generate_key
from gateway.tenants.acting import Acting, act, act_for_system
from gateway.tenants.idempotency.requests import Answered, claim
from gateway.tenants.models import DEFAULT_TENANT_ID
from gateway.webhooks.sources.search import show_source
from tests.integration.key_rotation.sealed_things import MARK, STRANGE, furnish, rotate, sealed_with, with_keys
from tests.services.acting import TESTER
from tests.services.waiting import until

OLD, NEW = generate_key(), generate_key()
EVERYWHERE = [
    "deliveries.payload",
    "destination_secrets.sealed_value",
    "destinations.sealed_headers",
    "events.body",
    "events.headers",
    "events.url",
    "idempotent_requests.sealed_answer",
    "rejections.body",
    "rejections.headers",
    "rejections.url",
    "source_credentials.sealed_value",
    "vault.sealed_value",
]


@pytest.fixture
def before(settings: Settings) -> Iterator[Installation]:
    """With the old key, and something sealed everywhere."""
    with with_keys(settings, OLD) as made:
        furnish(made)
        yield made


@pytest.fixture
def during(settings: Settings, before: Installation) -> Iterator[Installation]:
    """The same started anew with both keys."""
    with with_keys(settings, NEW, OLD) as made:
        assert sealed_with(made.database, before.keyring.ids[0]) == EVERYWHERE
        yield made


def resealer(installation: Installation) -> Resealer:
    return Resealer(installation.keyring, known_keys(installation.database))


def counted(installation: Installation) -> Tally:
    *_, found = count_old(installation.database.read, resealer(installation))
    return found


def test_nothing_needs_the_old_key_any_more(settings: Settings, during: Installation) -> None:
    new, old = during.keyring.ids
    planned = counted(during)
    assert (planned.found, planned.in_use(old), set(planned.old)) == (
        12,
        12,
        {name.split(".")[0] for name in EVERYWHERE},
    )
    result = rotate(during)
    assert result is not None
    assert (result["replaced"], result["broken"], result["missing"], result["forgotten"]) == (12, 0, {}, [])
    assert sealed_with(during.database, old) == []
    assert sealed_with(during.database, new) == EVERYWHERE
    assert counted(during).found == 0
    again = rotate(during, forget=True)
    assert again is not None
    assert (again["replaced"], again["forgotten"], again["kept"]) == (0, [old], {})
    assert known_keys(during.database) == {new}
    with with_keys(settings, NEW) as after:
        _everything_opens(after)


def _everything_opens(installation: Installation) -> None:
    with act(installation, actor=TESTER) as acting:
        assert show_source(acting, "github").state == "enabled"
        [entry] = acting.session.scalars(select(VaultEntry))
        assert vault.open_entry(installation.keyring, entry) == "a-1"
        event = next(one for one in acting.session.scalars(select(Event)) if STRANGE in one.body)
    with installation.database.system_session() as session:
        loaded = load_destinations(session, installation.keyring, DestinationDefaults(), now_us=0)
    [target] = loaded.targets.values()
    assert target.headers == (("Authorization", "Bearer h-1"),)
    kept = claim(installation.database, installation.keyring, MARK, now_us=installation.clock.now_us())
    assert isinstance(kept, Answered)
    assert kept.answer is not None
    assert kept.answer.body == b"told once"
    opened = open_request_part(installation.keyring, event.body, tenant_id=DEFAULT_TENANT_ID, source="github")
    assert json.loads(opened) == {"token": "t-3", "other": STRANGE.decode()}


def test_whoever_was_quicker_keeps_theirs(during: Installation) -> None:
    [place] = [one for one in PLACES if one.model is VaultEntry]
    with during.database.read() as connection:
        within = walking.next_range(connection, place, None)
        [chunk] = walking.chunks(connection, place, during.keyring, within)
        [row] = walking.read(connection, place, during.keyring, chunk)
    changes = resealer(during).changes(place, row, Tally())
    with act(during, actor=TESTER, write=True) as acting:
        keep(acting, row.owner_id, **{row.field: "refreshed"})
    with during.database.write() as connection:
        assert walking.replace(connection, place, [(walking.key_of(place, row), changes)]) == 0
    with act(during, actor=TESTER) as acting:
        assert vault.read(acting.session, during.keyring, row.owner_id) == {row.field: "refreshed"}


def test_killed_in_the_middle_it_goes_on(settings: Settings, fake_clock: FakeClock, before: Installation) -> None:
    old = before.keyring.ids[0]
    before.database.close()
    child = os.fork()
    if child == 0:
        try:
            with with_keys(settings, NEW, OLD) as installation:
                rotate(installation, on_progress=lambda *_told: os.kill(os.getpid(), signal.SIGKILL))
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    with with_keys(settings, NEW, OLD) as installation:
        installation.clock = fake_clock
        fake_clock.advance(installation.now().timestamp())
        left = sealed_with(installation.database, old)
        assert 0 < len(left) < len(EVERYWHERE)
        runner = JobRunner(installation, {ROTATE.name: ROTATE})

        def ended() -> JobSummary | None:
            runner.step()
            fake_clock.advance(2)
            with act_for_system(installation, actor=TESTER) as acting:
                [job] = find_jobs(acting, PageRequest()).rows
            return job if job.finished_at else None

        job = until(ended, "a worker to go on", every_seconds=0.01)
        assert job is not None
        assert (job.state, (job.result or {})["replaced"]) == ("succeeded", 12)
        assert sealed_with(installation.database, old) == []


def test_a_missing_key_is_said_when_all_else_is_done(settings: Settings, before: Installation) -> None:
    [old] = before.keyring.ids
    third = generate_key()
    with with_keys(settings, third, OLD) as other:
        with act(other, actor=TESTER, write=True) as acting:
            keep(acting, "c", access_token="x")
        missing = other.keyring.ids[0]
    with with_keys(settings, NEW, OLD) as installation:
        with pytest.raises(DecryptionFailed, match=f"1 values with key {missing}") as raised:
            rotate(installation, forget=True)
        assert raised.value.hints[0].parameters == {"ids": [missing]}
        assert sealed_with(installation.database, old) == []
        # It is needed still, and is not forgotten.
        assert known_keys(installation.database) == {installation.keyring.ids[0], missing}
        with installation.database.write() as connection:
            forget_key(connection, missing)
        result = rotate(installation)
        assert result is not None
        assert (result["given_up"], result["missing"]) == (1, {})


def test_who_seals_with_another_key_does_not_begin(during: Installation) -> None:
    with pytest.raises(InvalidInput, match="which was asked for"):
        rotate(during, key=during.keyring.ids[1])
    assert sealed_with(during.database, during.keyring.ids[1]) == EVERYWHERE


@pytest.mark.parametrize("engine", ["embedded", "web"])
def test_no_key_is_forgotten_while_old_processes_live(during: Installation, engine: str) -> None:
    new, old = during.keyring.ids
    now = during.now()
    worker = {"id": "w", "host": "h", "pid": 7, "engine": engine, "version": "1", "takes": {}, "seen_at": now}
    with during.database.write() as connection:
        connection.execute(insert(WorkerRow.__table__).values(**worker, started_at=now - timedelta(hours=1)))
    with pytest.raises(Conflict, match="h:7"):
        rotate(during, forget=True)
    assert known_keys(during.database) == {new, old}
    # All is sealed anew nevertheless.
    assert sealed_with(during.database, old) == []
    with during.database.read() as connection:
        assert len(find_workers(connection, now)) == (engine != "web")


def test_who_seals_keeps_the_key_from_being_forgotten(before: Installation, during: Installation) -> None:
    if during.database.is_sqlite:
        pytest.skip("its writers are alone")
    [old] = before.keyring.ids
    with ThreadPoolExecutor(1) as pool:
        with act(before, actor=TESTER, write=True) as acting:
            keep(acting, "late", access_token="x")

            def forget() -> bool:
                with during.database.write() as connection:
                    connection.exec_driver_sql("SET lock_timeout = '100ms'")
                    return forget_key(connection, old)

            with pytest.raises(StorageUnavailable):
                pool.submit(forget).result(20)
        assert pool.submit(forget).result(20)
    # Who comes later makes it known again.
    with act(before, actor=TESTER, write=True) as acting:
        keep(acting, "later", access_token="y")
    assert old in known_keys(during.database)


def test_what_was_moved_is_told_and_keeps_no_key(during: Installation) -> None:
    old = during.keyring.ids[1]
    with act(during, actor=TESTER, write=True) as acting:
        [entry] = acting.session.scalars(select(VaultEntry))
        entry.field = "elsewhere"
    result = rotate(during, forget=True)
    assert result is not None
    assert (result["replaced"], result["broken"], result["forgotten"]) == (11, 1, [old])


def test_a_long_place_is_walked_in_ranges(before: Installation, during: Installation) -> None:
    [place] = [one for one in PLACES if one.model is VaultEntry]
    with act(before, actor=TESTER, write=True) as acting:
        for owner in ("a", "b", "c"):
            keep(acting, owner, access_token="x", refresh_token="y")
    ranges, after = [], None
    with during.database.read() as connection:
        while not ranges or after is not None:
            within = walking.next_range(connection, place, after, rows=3)
            found = walking.chunks(connection, place, during.keyring, within)
            ranges.append([walking.read(connection, place, during.keyring, chunk) for chunk in found])
            after = within.upto
    assert [sum(map(len, one)) for one in ranges] == [3, 3, 1]


def keep(acting: Acting, owner_id: str, **secrets: str) -> None:
    tenant_id = acting.tenant.id
    vault.write(acting.session, acting.keyring, tenant_id=tenant_id, owner_id=owner_id, secrets=secrets, now=acting.now)
