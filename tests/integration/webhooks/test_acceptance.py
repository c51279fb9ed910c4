"""What was refused is taken in once its cause is mended: judged at its own time, delivered once, on record."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from gateway.errors import Conflict
from gateway.installation import installation_of
from gateway.jobs.here import carry_out_here
from gateway.jobs.request import Holder
from gateway.jobs.summary import JobSummary
from gateway.tenants.acting import act
from gateway.tenants.audit_trail.models import AuditRow
from gateway.webhooks.acceptance.accept import (
    BATCH,
    WhichRejections,
    accept_rejection,
    plan_acceptance,
    try_rejection,
)
from gateway.webhooks.acceptance.kind import ACCEPT
from gateway.webhooks.acceptance.many import ask_for_acceptance
from gateway.webhooks.acceptance.outcomes import AcceptanceCounts, Outcome, counts_of
from gateway.webhooks.sources.changes import CredentialDraft
from gateway.webhooks.sources.management import disable_source, rotate_credential
from tests.integration.webhooks.conftest import SECRET, GatewayUnderTest
from tests.services.acting import TESTER

RIGHT = "what the vendor signs with"


@pytest.fixture
def mistaken(gateway: GatewayUnderTest) -> GatewayUnderTest:
    """A source of GitHub with a wrong secret, and a route."""
    gateway.source("github", "github", SECRET)
    gateway.route("github", "*")
    return gateway


def begin(gateway: GatewayUnderTest):  # type: ignore[no-untyped-def]
    return partial(gateway.acting)


def mend(gateway: GatewayUnderTest, slug: str = "github", secret: str = RIGHT) -> None:
    with gateway.acting() as acting:
        rotate_credential(acting, slug, CredentialDraft(secret, overlap=timedelta(0)))
    gateway.refresh()


def refused(gateway: GatewayUnderTest, key: str = "d-1", body: bytes = b'{"order": 1}') -> str:
    assert gateway.github(key=key, body=body, secret=RIGHT).status_code == 401
    return gateway.rejections()[-1].id


def test_it_becomes_an_event_that_is_delivered_and_on_record(mistaken: GatewayUnderTest) -> None:
    id_ = refused(mistaken)
    with pytest.raises(Conflict, match="refused again: signature_mismatch"):
        accept_rejection(begin(mistaken), id_)
    assert mistaken.events() == []
    mend(mistaken)
    planned = try_rejection(begin(mistaken), id_, plans=True)
    assert (planned.outcome, planned.event_ids, mistaken.events()) == (Outcome.ACCEPTED, (), [])
    judged = accept_rejection(begin(mistaken), id_)
    [event], [rejection] = mistaken.events(), mistaken.rejections()
    assert (judged.outcome, judged.event_ids) == (Outcome.ACCEPTED, (event.id,))
    assert (event.body, event.type, event.dedupe_key, event.source) == (b'{"order": 1}', "push", "d-1", "github")
    assert (event.request_id, rejection.accepted_as) == (rejection.request_id, event.id)
    assert [(one.event_id, one.state) for one in mistaken.deliveries()] == [(event.id, "pending")]
    again = accept_rejection(begin(mistaken), id_)
    assert (again.outcome, again.event_ids, len(mistaken.events())) == (Outcome.ACCEPTED_BEFORE, (event.id,), 1)
    with mistaken.database.system_session() as session:
        entries = session.scalars(select(AuditRow).where(AuditRow.action == "rejection.accepted")).all()
    found = [(one.object_id, json.loads(one.after)) for one in entries]
    assert found == [(id_, {"outcome": "accepted", "events": [event.id]})]


def test_what_the_vendor_sent_again_meanwhile_makes_nothing_twice(mistaken: GatewayUnderTest) -> None:
    id_ = refused(mistaken)
    mend(mistaken)
    sent_again = mistaken.github(key="d-1", body=b'{"order": 1}', secret=RIGHT).get_json()["event_id"]
    judged = accept_rejection(begin(mistaken), id_)
    assert (judged.outcome, judged.event_ids) == (Outcome.DUPLICATE, (sent_again,))
    assert len(mistaken.events()) == len(mistaken.deliveries()) == 1


def test_it_is_judged_at_the_time_at_which_it_came(gateway: GatewayUnderTest) -> None:
    gateway.source("shop", "stripe", "whsec_wrong")
    at, body = gateway.clock.now_us() // 1_000_000, b'{"id": "evt_1", "type": "charge.succeeded"}'
    signature = hmac.new(b"whsec_right", b"%d." % at + body, hashlib.sha256).hexdigest()
    sent = {"Stripe-Signature": f"t={at},v1={signature}"}
    assert gateway.client.post("/webhooks/shop", data=body, headers=sent).status_code == 401
    gateway.rejections()
    gateway.clock.advance(5 * 3600)
    mend(gateway, "shop", "whsec_right")
    # Stripe's signatures are good for five minutes: as a request of now it is refused.
    assert gateway.client.post("/webhooks/shop", data=body, headers=sent).status_code == 401
    early, late = gateway.rejections()
    assert accept_rejection(begin(gateway), early.id).outcome is Outcome.ACCEPTED
    [event] = gateway.events()
    assert (event.dedupe_key, event.body) == ("evt_1", body)
    with pytest.raises(Conflict, match="timestamp_out_of_tolerance"):
        accept_rejection(begin(gateway), late.id)


def test_a_whole_body_is_kept_up_to_the_bound(mistaken: GatewayUnderTest) -> None:
    large = b'{"items": "' + b"x" * 300_000 + b'"}'
    whole = refused(mistaken, "d-1", large)
    cut = refused(mistaken, "d-2", b'{"items": "' + b"x" * 1_100_000 + b'"}')
    mend(mistaken)
    assert accept_rejection(begin(mistaken), whole).outcome is Outcome.ACCEPTED
    assert [event.body for event in mistaken.events()] == [large]
    assert try_rejection(begin(mistaken), cut).outcome is Outcome.INCOMPLETE
    assert len(mistaken.rejections()[-1].body) == 1024 * 1024


def test_a_disabled_source_takes_nothing_in(mistaken: GatewayUnderTest) -> None:
    id_ = refused(mistaken)
    mend(mistaken)
    with mistaken.acting() as acting:
        disable_source(acting, "github")
    with pytest.raises(Conflict, match="is disabled"):
        accept_rejection(begin(mistaken), id_)


def test_many_are_taken_in_by_a_job_that_goes_on_where_it_was_left(mistaken: GatewayUnderTest) -> None:
    number = BATCH + 3
    for key in range(number):
        refused(mistaken, f"d-{key}")
    assert mistaken.github(key="forged", secret="nobody's").status_code == 401
    mend(mistaken)
    mistaken.github(key="d-0", body=b'{"order": 1}', secret=RIGHT)
    mistaken.clock.advance(1)
    which = WhichRejections(source="github")
    expected = AcceptanceCounts(accepted=number - 1, duplicate=1, refused=1)
    planned = [one for some in plan_acceptance(begin(mistaken), which) for one in some]
    assert counts_of(planned) == expected
    installation = installation_of(mistaken.app)

    def ask(holder: Holder) -> JobSummary:
        with act(installation, actor=TESTER, write=True) as acting:
            return ask_for_acceptance(acting, which, holder=holder)

    done = carry_out_here(installation, ACCEPT, ask, actor=TESTER, on_progress=lambda *_: None)
    assert done == {"accepted": number - 1, "duplicate": 1, "accepted_before": 0, "refused": 1, "incomplete": 0}
    assert len(mistaken.events()) == len(mistaken.deliveries()) == number
    again = carry_out_here(installation, ACCEPT, ask, actor=TESTER, on_progress=lambda *_: None)
    assert (again or {})["refused"] == 1, "only what was not taken in is looked at"
    with mistaken.database.system_session() as session:
        entries = session.scalars(select(AuditRow).where(AuditRow.action == "rejections.accepted")).all()
    assert [json.loads(entry.after)["accepted"] for entry in entries] == [number - 1]
