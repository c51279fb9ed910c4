"""Requests that are sent twice are carried out once: in a row, at once, and across a process that was killed."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread, get_ident

import pytest
from sqlalchemy import event, text

from gateway.tenants.acting import act
from gateway.tenants.idempotency.requests import (
    LEASE_SECONDS,
    Answer,
    Claim,
    ClaimLost,
    claim,
    keep_answer,
    mark_of,
)
from gateway.tenants.idempotency.retention import count_requests, purge_requests
from tests.integration.api.conftest import ApiUnderTest, code
from tests.services.acting import TESTER

KEY = {"Idempotency-Key": "order-66"}


def test_sent_again_it_is_answered_as_before(api: ApiUnderTest) -> None:
    first = api.add_source(headers=KEY)
    again = api.add_source(headers={"Idempotency-Key": '"order-66"'})
    assert (again.status_code, again.data, again.headers["Location"]) == (201, first.data, first.headers["Location"])
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    # The same in another order is the same.
    document = {"generate_secret": True, "provider": "github", "slug": "github"}
    assert api.post("/sources", document, headers=KEY).data == first.data
    for path, other in (("/sources", {**document, "slug": "b"}), ("/sources/github/disable", None)):
        assert code(api.post(path, other, headers=KEY)) == (422, "idempotency_key_reused")
    # Another key's mark is another one.
    assert code(api.add_source(headers=KEY, key=api.make_key("other"))) == (409, "conflict")
    api.clock.advance(24 * 3600)
    assert code(api.add_source(headers=KEY)) == (409, "conflict")


def test_an_answer_with_a_secret_is_kept_sealed(api: ApiUnderTest) -> None:
    secret = api.add_source(headers=KEY).get_json()["secret"]
    with api.database.read() as connection:
        [kept] = connection.execute(text("SELECT sealed_answer FROM idempotent_requests")).scalars()
    assert len(kept) > 500
    assert secret.encode() not in bytes(kept)


def test_what_was_refused_may_be_mended_and_sent_again(api: ApiUnderTest) -> None:
    assert code(api.add_source("Git Hub", headers=KEY)) == (422, "invalid_input")
    assert api.add_source("github", headers=KEY).status_code == 201


def test_many_at_once_are_carried_out_once(api: ApiUnderTest) -> None:
    ready, answers = Barrier(8), []

    def add() -> None:
        ready.wait()
        answers.append(api.add_source("-", headers=KEY))

    threads = [Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.data for answer in answers if answer.status_code == 201}) == 1
    assert {code(answer)[1] for answer in answers if answer.status_code == 409} <= {"request_in_flight"}
    assert len(api.get("/sources").get_json()["data"]) == 1


def test_a_process_killed_amid_a_request_leaves_both_or_neither(api: ApiUnderTest) -> None:
    # Between the claim and the answer: what a killed process leaves is the claim's row alone.
    mark = _mark(api)
    assert isinstance(_claim(api, mark), Claim)
    busy = api.add_source(headers=KEY)
    assert code(busy) == (409, "request_in_flight")
    assert int(busy.headers["Retry-After"]) == LEASE_SECONDS
    assert api.get("/sources").get_json()["data"] == []
    api.clock.advance(LEASE_SECONDS)
    first = api.add_source(headers=KEY)
    assert first.status_code == 201
    assert api.add_source(headers=KEY).data == first.data


class Killed(BaseException):
    """What ends a process: nobody catches it."""


def test_killed_at_any_commit_it_leaves_both_or_neither(api: ApiUnderTest) -> None:
    # A transaction that cannot commit is all that a killed process leaves of it, and from then on none does.
    # The first request makes more of them than those that follow.
    api.add_source("-", headers={"Idempotency-Key": "first"})
    before, survived, answered = _sources_and_answers(api), 0, None
    while answered is None and survived < 10:
        answered = _killed_after(api, survived, f"kill-{survived}")
        assert answered or _sources_and_answers(api) == before
        survived += 1
    assert answered == 201
    # The claim, and the change with its answer.
    assert survived == 3
    assert _sources_and_answers(api) == (before[0] + 1, before[1] + 1)
    api.clock.advance(LEASE_SECONDS)
    for mark in range(survived - 1):
        assert api.add_source("-", headers={"Idempotency-Key": f"kill-{mark}"}).status_code == 201


def _killed_after(api: ApiUnderTest, commits: int, mark: str) -> int | None:
    """The status of a marked request in a thread that is killed after so many commits; None: it was."""
    left, here = commits, get_ident()

    def commit(_connection: object) -> None:
        nonlocal left
        left -= get_ident() == here
        if left < 0 and get_ident() == here:
            raise Killed

    event.listen(api.database.engine, "commit", commit)
    try:
        return api.add_source("-", headers={"Idempotency-Key": mark}).status_code
    except Killed:
        return None
    finally:
        event.remove(api.database.engine, "commit", commit)


def _sources_and_answers(api: ApiUnderTest) -> tuple[int, int]:
    with api.database.read() as connection:
        answers = connection.execute(text("SELECT count(*) FROM idempotent_requests WHERE status IS NOT NULL"))
        return len(connection.execute(text("SELECT id FROM sources")).all()), answers.scalar() or 0


def test_who_was_too_slow_changes_nothing(api: ApiUnderTest) -> None:
    slow = _claim(api, _mark(api))
    assert isinstance(slow, Claim)
    api.clock.advance(LEASE_SECONDS)
    assert api.add_source(headers=KEY).status_code == 201
    with (
        pytest.raises(ClaimLost),
        act(api.installation, actor=TESTER, write=True) as acting,
    ):
        keep_answer(acting.session, acting.keyring, slow, Answer(201, (), b"{}"))


def _mark(api: ApiUnderTest):  # type: ignore[no-untyped-def]
    """The mark that `add_source` has with KEY."""
    me = api.get("/me").get_json()
    body = b'{"generate_secret": true, "provider": "github", "slug": "github"}'
    asked = (b"POST", b"/api/v1/sources?", body)
    return mark_of(tenant_id=me["tenant"]["id"], sender=me["key"]["id"], key="order-66", asked=asked)


def _claim(api: ApiUnderTest, mark):  # type: ignore[no-untyped-def]
    api.installation.claim_keys()
    return claim(api.database, api.installation.keyring, mark, now_us=api.clock.now_us())


def test_what_is_a_day_old_is_purged(api: ApiUnderTest) -> None:
    def purged(**after: int) -> int:
        now = api.installation.now() + timedelta(**after)
        return sum(purge_requests(api.database, now=now, batch_rows=2))

    for number in range(5):
        assert api.add_source("-", headers={"Idempotency-Key": str(number)}).status_code == 201
    assert purged(hours=23) == 0
    assert count_requests(api.database, now=api.installation.now() + timedelta(hours=24)) == 5
    assert purged(hours=24) == 5
    assert purged(hours=24) == 0
