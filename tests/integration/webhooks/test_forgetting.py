"""One event, or one person's, are forgotten for good, and nothing that tells of them stays."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from gateway.db.model import Base
from gateway.db.paging import PageRequest
from gateway.delivery.looked_for import LookedFor
from gateway.delivery.models import Attempt, Delivery
from gateway.errors import IllegalTransition, InvalidInput
from gateway.events.models import Event, EventRepeats
from gateway.installation import installation_of
from gateway.jobs.here import carry_out_here
from gateway.jobs.interruption import JobInterrupted
from gateway.jobs.request import Holder
from gateway.jobs.search import JobSearch, find_jobs
from gateway.jobs.summary import JobSummary
from gateway.tenants.acting import act
from gateway.tenants.audit_trail.models import AuditRow
from gateway.webhooks.acceptance.accept import accept_rejection
from gateway.webhooks.forgetting import forget, many
from gateway.webhooks.forgetting.forget import forget_event, plan_forgetting
from gateway.webhooks.forgetting.kind import FORGET
from gateway.webhooks.forgetting.which import WhichForgotten
from gateway.webhooks.rejections.models import Rejection
from gateway.webhooks.sources.changes import CredentialDraft
from gateway.webhooks.sources.management import rotate_credential
from tests.integration.webhooks.conftest import SECRET, GatewayUnderTest
from tests.services.acting import TESTER

ADA = b'{"customer": "ada@example.com"}'
RIGHT = "the right one"


def counted(gateway: GatewayUnderTest, *models: type[Base]) -> list[int]:
    with gateway.database.system_session() as session:
        return [session.scalar(select(func.count()).select_from(model)) or 0 for model in models]


def audited(gateway: GatewayUnderTest, action: str) -> list[tuple[dict[str, object], dict[str, object]]]:
    with gateway.database.system_session() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.action == action)).all()
    return [(json.loads(row.before), json.loads(row.after)) for row in rows]


def test_one_goes_with_all_that_tells_of_it(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    gateway.route("github", "*")
    assert gateway.github(key="d-1", body=ADA, secret=RIGHT).status_code == 401
    [refused] = gateway.rejections()
    with gateway.acting() as acting:
        rotate_credential(acting, "github", CredentialDraft(RIGHT, overlap=timedelta(0)))
    gateway.refresh()
    accept_rejection(gateway.acting, refused.id)
    other = gateway.github(key="d-2", secret=RIGHT).get_json()["event_id"]
    gateway.github(key="d-1", body=ADA, secret=RIGHT)
    gateway.inbound.repeats.flush()
    with gateway.acting() as acting:
        acting.session.execute(update(Delivery).values(state="leased", lease_token="t"))
    with pytest.raises(IllegalTransition, match="being delivered"), gateway.acting() as acting:
        forget_event(acting, "d-1")
    with gateway.acting() as acting:
        acting.session.execute(update(Delivery).values(state="pending", lease_token=None))
        gone = forget_event(acting, "d-1")
    assert (gone.events, gone.deliveries, gone.rejections) == (1, 1, 1)
    assert [event.id for event in gateway.events()] == [other]
    assert counted(gateway, Delivery, Attempt, EventRepeats, Rejection) == [1, 0, 0, 0]
    [(before, _after)] = audited(gateway, "event.forgotten")
    assert (before["source"], before["type"]) == ("github", "push")
    # Sent again, it comes as a new one.
    assert gateway.github(key="d-1", body=ADA, secret=RIGHT).get_json()["status"] in {"accepted", "duplicate"}


def ask_here(gateway: GatewayUnderTest, which: WhichForgotten) -> dict[str, object]:
    installation = installation_of(gateway.app)

    def ask(holder: Holder) -> JobSummary:
        with act(installation, actor=TESTER, write=True) as acting:
            return many.ask_to_forget(acting, which, holder=holder)

    return dict(carry_out_here(installation, FORGET, ask, actor=TESTER, on_progress=lambda *_: None) or {})


def test_one_persons_go_and_nobody_reads_whose_they_were(
    gateway: GatewayUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forget, "PAGE", 3)
    monkeypatch.setattr(many, "BATCH", 2)
    gateway.source("github", "github", SECRET)
    gateway.route("github", "*")
    for number in range(14):
        gateway.github(key=f"d-{number}", body=ADA if number % 2 else b'{"customer": "bob@example.com"}')
    gateway.clock.jump(3600 * 24 * 400)
    which = WhichForgotten(looked_for=LookedFor("ada@example.com"))
    planned = [row.id for looked in plan_forgetting(gateway.acting, which) for row in looked.rows]
    assert len(planned) == len(set(planned)) == 7
    assert ask_here(gateway, which) == {"events": 7, "deliveries": 7, "attempts": 0, "rejections": 0, "kept": 0}
    assert {event.body for event in gateway.events()} == {b'{"customer": "bob@example.com"}'}
    assert counted(gateway, Event, Delivery) == [7, 7]
    [(_before, after)] = audited(gateway, "events.forgotten")
    assert (after["events"], after["text"]) == (7, "…")
    with gateway.acting(write=False) as acting:
        [job] = find_jobs(acting, PageRequest(), JobSearch(kind="events.forget")).rows
    assert job.payload["text"] == "…"
    assert ask_here(gateway, which)["events"] == 0
    with pytest.raises(InvalidInput, match="without a filter"):
        ask_here(gateway, WhichForgotten())


def test_it_is_cancelled_between_two_transactions_and_goes_on(
    gateway: GatewayUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "BATCH", 1)
    gateway.source("github", "github", SECRET)
    for number in range(4):
        gateway.github(key=f"d-{number}", body=ADA)
    gateway.clock.jump(3600 * 24 * 400)
    installation = installation_of(gateway.app)
    seen: list[int] = []

    def cancel_after_two(done: int, *_rest: object) -> None:
        seen.append(done)
        if done == 2:
            raise KeyboardInterrupt

    def ask(holder: Holder) -> JobSummary:
        with act(installation, actor=TESTER, write=True) as acting:
            return many.ask_to_forget(acting, WhichForgotten(looked_for=LookedFor("ada")), holder=holder)

    with pytest.raises((KeyboardInterrupt, JobInterrupted)):
        carry_out_here(installation, FORGET, ask, actor=TESTER, on_progress=cancel_after_two)
    assert 1 <= counted(gateway, Event)[0] <= 3, "what was done stays done, and nothing else was"
    with gateway.acting(write=False) as acting:
        [job] = find_jobs(acting, PageRequest(), JobSearch(kind="events.forget")).rows
    assert job.state == "cancelled"
    [(_before, after)] = audited(gateway, "events.forgotten_began")
    assert after["text"] == "…"
