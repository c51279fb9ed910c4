"""Webhooks that integrations register at their providers, against systems that behave as six vendors do."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.db.paging import every
from gateway.factory import create_app
from gateway.installation import Installation
from gateway.integrations.health.summary import show_health
from gateway.integrations.jobs import ACTIVATE, HEALTH, SYNC
from gateway.integrations.lifecycle.management import activate, deactivate
from gateway.integrations.management.adding import add_integration
from gateway.integrations.management.changing import change_integration
from gateway.integrations.management.draft import IntegrationChange, IntegrationDraft
from gateway.integrations.opening import material_of
from gateway.integrations.results import Result
from gateway.integrations.rows import require_integration
from gateway.integrations.search import show_integration
from gateway.integrations.states import Health
from gateway.integrations.subscriptions.registering import maintain
from gateway.integrations.summary import IntegrationSummary
from gateway.integrations.type import CheckResult
from gateway.jobs.here import carry_out_here
from gateway.jobs.kind import Kind
from gateway.jobs.models import Job
from gateway.jobs.request import Holder, request_job
from gateway.jobs.summary import JobSummary
from gateway.tenants.acting import Acting, act
from gateway.tenants.audit_trail.search import AuditSearch, find_audit
from gateway.tenants.models import DEFAULT_TENANT
from gateway.webhooks.sources.changes import CredentialDraft
from gateway.webhooks.sources.credentials import open_credentials
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.management import add_source, rotate_credential
from gateway.webhooks.sources.search import require_source
from gateway.webhooks.sources.stored import stored_credentials
from tests.services.acting import TESTER, add_tenant
from tests.services.github_sender import signed
from tests.services.json_server import Asked, Said, json_server
from tests.services.webhook_vendors import TOKEN, GitHub, Google, Graph, HubSpot, Shopify, Stripe, Vendor

BASE_URL = "https://gateway.example.com"
HOUR = 3600.0
DAY = 24 * HOUR
EVENTS = ["issue_comment", "issues", "pull_request", "pull_request_review", "repository"]


@dataclass
class Case:
    """How one vendor is used: its source's provider, and what an integration of it is set to."""

    vendor: type[Vendor]
    source: str
    type: str = "rest"
    lists: tuple[str, ...] = ()
    configuration: dict[str, Any] | None = None
    sync: dict[str, Any] | None = None
    count: int = 1

    def draft(self, url: str, name: str) -> IntegrationDraft:
        configuration = self.configuration or {
            "provider": {"google-channel": "google"}.get(self.source, self.source),
            "description": {"entities": {one: {} for one in self.lists}},
        }
        secret = "token" if self.type == "github" else "credential"
        return IntegrationDraft(
            name=name,
            type=self.type,
            configuration={**configuration, "base_url": url},
            secrets={secret: TOKEN},
            source="hooks",
            sync=self.sync or {},
        )


CASES = {
    "github": Case(GitHub, "github", "github", configuration={"repositories": ["octo/hello", "octo/other"]}, count=2),
    "stripe": Case(Stripe, "stripe", lists=("customers",)),
    "shopify": Case(Shopify, "shopify", lists=("orders",), count=3),
    "hubspot": Case(
        HubSpot,
        "hubspot",
        lists=("contacts",),
        sync={
            "webhook_topics": ["contact.deletion", "contact.propertyChange:email"],
            "webhook_parameters": {"app_id": "7"},
        },
        count=2,
    ),
    "google": Case(Google, "google-channel", lists=("calendars",)),
    "graph": Case(Graph, "microsoft-graph", lists=("users", "messages"), count=2),
}


@dataclass
class Shop:
    """An installation with a source, and a vendor to talk to."""

    installation: Installation
    clock: FakeClock
    vendor: Any
    url: str
    case: Case
    tenant: str = DEFAULT_TENANT

    def begin(self, *, write: bool = True) -> AbstractContextManager[Acting]:
        return act(self.installation, actor=TESTER, tenant=self.tenant, write=write)

    def add(self, name: str = "shop") -> IntegrationSummary:
        with self.begin() as acting:
            return add_integration(acting, self.case.draft(self.url, name))

    def activate(self, name: str = "shop") -> Result:
        return activate(self.begin, name)

    def look(self, name: str = "shop") -> list[CheckResult]:
        """As the job that looks at health does."""
        seen: list[CheckResult] = []
        with self.begin(write=False) as acting:
            material = material_of(acting.session, self.installation, require_integration(acting.session, name))
        self.work(HEALTH, material.id, run=lambda job: seen.extend(maintain(job, material)))
        return seen

    def work(self, kind: Kind, integration_id: str, **given: Any) -> None:
        """Carry out a job of an integration here."""

        def ask(holder: Holder) -> JobSummary:
            with self.begin() as acting:
                return request_job(acting, kind, {"integration": integration_id}, holder=holder)

        given_kind = replace(kind, **given)
        carry_out_here(self.installation, given_kind, ask, actor=TESTER, on_progress=lambda *_told: None)

    def prepared(self, name: str = "shop") -> Any:
        with self.begin(write=False) as acting:
            return require_integration(acting.session, name).prepared

    def secrets(self) -> tuple[str, ...]:
        """Those that count for the source, the newest first."""
        with self.begin(write=False) as acting:
            source = require_source(acting.session, "hooks")
            rows = stored_credentials(acting.session, [source])[source.id]
            return open_credentials(self.installation.keyring, source, rows).live("secret", self.clock.now_us())

    def syncs(self) -> list[str]:
        """What began those that were asked for."""
        with self.begin(write=False) as acting:
            found = acting.session.scalars(select(Job).where(Job.kind == SYNC.name).order_by(Job.id))
            return [job.payload["trigger"] for job in found]

    def forget_syncs(self) -> None:
        with self.begin() as acting:
            for job in acting.session.scalars(select(Job).where(Job.kind == SYNC.name)):
                acting.session.delete(job)

    def audited(self) -> list[str]:
        with self.begin(write=False) as acting:
            found = list(every(lambda page: find_audit(acting, AuditSearch(), page)))
        return [one.action for one in reversed(found)]


Opened = Callable[..., Shop]


@pytest.fixture
def opened(settings: Settings, fake_clock: FakeClock) -> Iterator[Opened]:
    """Opens a shop with the vendor of a case."""
    with ExitStack() as stack:

        def open_one(name: str, base_url: str = BASE_URL) -> Shop:
            case = CASES[name]
            vendor = case.vendor(fake_clock)
            url = stack.enter_context(json_server(vendor))
            installation = stack.enter_context(Installation(replace(settings, base_url=base_url), clock=fake_clock))
            with act(installation, actor=TESTER, write=True) as acting:
                add_source(acting, SourceDraft(slug="hooks", provider=case.source, generate_secret=True))
            return Shop(installation, fake_clock, vendor, url, case)

        yield open_one


@pytest.mark.parametrize("name", CASES)
def test_it_is_registered_at_activation_and_taken_back_at_the_end(opened: Opened, name: str) -> None:
    shop = opened(name)
    [before] = shop.secrets()
    shop.add()

    result = shop.activate()

    assert result.is_success, result.message
    hooks = list(shop.vendor.hooks.values())
    assert len(hooks) == shop.case.count
    if name != "hubspot":
        assert all(f"{BASE_URL}/webhooks/hooks" in str(hook) for hook in hooks)
    told = {"github": ("config", "secret"), "google": ("token",), "graph": ("clientState",)}.get(name)
    if told is not None:
        for hook in hooks:
            value: Any = hook
            for step in told:
                value = value[step]
            assert value == before
    expected = ("whsec_of_h1", before) if name == "stripe" else (before,)
    assert shop.secrets() == expected
    assert "integration.webhooks_registered" in shop.audited()
    assert before not in str(shop.prepared())
    assert [(one.name, one.health) for one in shop.look()] == [("webhooks", Health.HEALTHY)]

    result = deactivate(shop.begin, "shop")

    assert result.is_success, result.message
    assert (shop.vendor.hooks, shop.prepared()) == ({}, {})
    assert "integration.webhooks_removed" in shop.audited()


def test_what_each_is_told(opened: Opened) -> None:
    shop = opened("github")
    shop.add()
    shop.activate()
    hook = next(iter(shop.vendor.hooks.values()))
    assert (hook["of"], hook["events"]) == ("octo/hello", EVENTS)
    assert hook["config"]["content_type"] == "json"

    shown = show_integration_of(shop)
    assert shown.webhooks is not None
    assert shown.webhooks["registered"] == ["octo/hello", "octo/other"]


def test_the_look_at_its_health_looks_after_them(opened: Opened) -> None:
    shop = opened("github")
    added = shop.add()
    shop.activate()
    shop.vendor.hooks.clear()
    shop.clock.advance(2 * HOUR)

    shop.work(HEALTH, added.id)

    assert len(shop.vendor.hooks) == 2
    assert health_of(shop)["webhooks"] == ("healthy", "2 webhooks are registered")
    shop.vendor.before = lambda asked: Said(403, {"message": "no"}) if "hooks" in asked.path else None
    for _ in range(2):
        shop.clock.advance(2 * HOUR)
        shop.work(HEALTH, added.id)
    health, message = health_of(shop)["webhooks"]
    assert health == "degraded"
    assert "could not be looked after" in message


def health_of(shop: Shop) -> dict[str, tuple[str, str]]:
    with shop.begin(write=False) as acting:
        return {one.name: (one.health, one.message) for one in show_health(acting, "shop").checks}


def show_integration_of(shop: Shop) -> IntegrationSummary:
    with shop.begin(write=False) as acting:
        return show_integration(acting, "shop")


@pytest.mark.parametrize("name", CASES)
def test_done_again_nothing_is_asked_for_twice(opened: Opened, name: str) -> None:
    shop = opened(name)
    shop.add()
    shop.activate()
    assert len(shop.vendor.calls) >= shop.case.count

    shop.clock.advance(2 * HOUR)
    shop.look()

    assert shop.vendor.calls == []
    assert shop.syncs() == ["activation"]


@pytest.mark.parametrize("name", ["github", "stripe", "shopify", "hubspot", "graph"])
def test_one_that_is_gone_is_made_anew_and_the_gap_is_listed(opened: Opened, name: str) -> None:
    shop = opened(name)
    shop.add()
    shop.activate()
    secrets = shop.secrets()
    shop.forget_syncs()
    shop.vendor.hooks.pop(next(iter(shop.vendor.hooks)))
    shop.vendor.calls.clear()

    shop.look()
    assert shop.vendor.calls == [], "it is not asked each time"
    shop.clock.advance(2 * HOUR)
    [check] = shop.look()

    assert check.health is Health.HEALTHY
    assert len(shop.vendor.hooks) == shop.case.count
    assert len(shop.vendor.calls) == 1
    assert shop.syncs() == ["webhook_gap"]
    assert shop.secrets() == (("whsec_of_h2", *secrets) if name == "stripe" else secrets)


def test_the_provider_is_asked_once_an_hour_what_is_there(opened: Opened) -> None:
    shop = opened("stripe")
    shop.add()
    shop.activate()
    shop.vendor.asked.clear()

    for _ in range(25):
        shop.clock.advance(300)
        shop.look()

    assert shop.vendor.asked == ["GET /webhook_endpoints"] * 2


def test_a_source_without_a_secret_is_given_one(opened: Opened) -> None:
    shop = opened("github")
    with shop.begin() as acting:
        rotate_credential(acting, "hooks", CredentialDraft(generate=True, overlap=timedelta(0)))
        [only] = stored_credentials(acting.session, [require_source(acting.session, "hooks")]).values()
        only[0].expires_at = acting.now + timedelta(hours=1)
    shop.add()

    assert shop.activate().is_success

    newest, before = shop.secrets()
    assert {hook["config"]["secret"] for hook in shop.vendor.hooks.values()} == {newest}
    assert newest != before


def test_each_tenant_has_its_own(opened: Opened) -> None:
    shop = opened("github")
    shop.add()
    shop.activate()
    first = dict(shop.vendor.hooks)
    add_tenant(shop.installation.database, shop.clock, "acme")
    other = replace(shop, tenant="acme")
    with other.begin() as acting:
        add_source(acting, SourceDraft(slug="hooks", provider="github", generate_secret=True))
    other.add()

    # Of each repository there may be one for each address, about the same.
    assert other.activate().is_success

    assert len(shop.vendor.hooks) == 4
    assert {hook["config"]["url"] for hook in shop.vendor.hooks.values()} == {
        f"{BASE_URL}/webhooks/hooks",
        f"{BASE_URL}/webhooks/acme/hooks",
    }
    assert deactivate(other.begin, "shop").is_success
    assert shop.vendor.hooks == first


def test_one_that_ends_is_renewed_before(opened: Opened) -> None:
    shop = opened("graph")
    shop.add()
    shop.activate()
    assert len(shop.vendor.calls) == 2

    for _ in range(20):
        shop.clock.advance(13 * HOUR)
        assert [one.health for one in shop.look()] == [Health.HEALTHY]

    assert len(shop.vendor.hooks) == 2
    calls = shop.vendor.calls
    assert {one.split()[0] for one in calls} == {"PATCH"}
    # 11 days: that of messages lasts 2.9 days, that of users 29.
    assert 3 <= len(calls) <= 5
    assert shop.syncs() == ["activation"]
    assert show_integration_of(shop).webhooks is not None


def test_one_that_cannot_be_renewed_is_replaced_before(opened: Opened) -> None:
    shop = opened("google")
    shop.add()
    shop.activate()
    [first] = shop.vendor.hooks

    for _ in range(13):
        shop.clock.advance(12 * HOUR)
        shop.look()
        # There is always one.
        assert shop.vendor.hooks
    assert [*shop.vendor.hooks] != [first]
    assert len(shop.vendor.hooks) == 1
    assert shop.vendor.calls[-1] == "POST /calendar/v3/channels/stop"
    assert shop.syncs() == ["activation"]


def test_one_that_ended_while_nobody_looked_leaves_a_gap(opened: Opened) -> None:
    shop = opened("google")
    shop.add()
    shop.activate()
    shop.forget_syncs()

    shop.clock.advance(8 * DAY)
    shop.look()

    assert shop.syncs() == ["webhook_gap"]
    assert any(int(one["expiration"]) / 1000 > shop.vendor.now.timestamp() for one in shop.vendor.hooks.values())


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1:8000",
        "https://localhost",
        "https://192.168.1.2",
        "https://gateway.internal",
        "http://gateway.example.com",
    ],
)
def test_an_address_that_nobody_can_call_is_told(opened: Opened, base_url: str) -> None:
    shop = opened("github", base_url)
    shop.add()

    result = shop.activate()

    assert (result.code, result.details["state"]) == ("invalid_input", "inactive")
    assert f"GATEWAY_BASE_URL, which is {base_url}" in result.message
    assert shop.vendor.calls == []

    with_none = IntegrationChange(sync={"registers_webhooks": False})
    change_integration(shop.begin, "shop", with_none)
    assert shop.activate().is_success
    assert (shop.vendor.hooks, shop.prepared(), shop.look()) == ({}, {}, [])


@pytest.mark.parametrize("name", ["github", "graph"])
def test_what_the_vendor_sends_amid_its_creation_is_taken(opened: Opened, settings: Settings, name: str) -> None:
    """A ping that is signed by the secret that was just told; a question whether the address answers."""
    shop = opened(name)
    shop.add()
    came: list[tuple[int, bytes]] = []

    web = Installation(settings, clock=shop.clock)
    client = create_app(web).test_client()

    def call() -> None:
        hook = [*shop.vendor.hooks.values()][-1]
        if name == "github":
            headers = signed(b"{}", f"d{hook['id']}", event="ping", secret=hook["config"]["secret"])
            answer = client.post("/webhooks/hooks", data=b"{}", headers=headers)
        else:
            answer = client.post("/webhooks/hooks?validationToken=are+you+there")
        came.append((answer.status_code, answer.data))

    shop.vendor.made = call
    with web:
        assert shop.activate().is_success

    assert [status for status, _ in came] == [200, 200]
    if name == "graph":
        assert came[0][1] == b"are you there"


@pytest.mark.parametrize("name", ["github", "shopify", "graph", "hubspot"])
def test_a_failure_amid_activation_leaves_nothing(opened: Opened, name: str) -> None:
    shop = opened(name)
    shop.add()
    posts = []

    def fail_at_the_second(asked: Asked) -> Said | None:
        if asked.method == "POST":
            posts.append(asked.path)
        return Said(403, {"message": "no"}) if asked.method == "POST" and len(posts) == 2 else None

    shop.vendor.before = fail_at_the_second
    result = shop.activate()

    assert (result.status, result.code) == ("error", "authorization_failed")
    assert (shop.vendor.hooks, shop.prepared()) == ({}, {})


@pytest.mark.parametrize("name", ["github", "stripe", "shopify", "graph"])
def test_one_that_was_made_although_nobody_heard_of_it_is_taken_back(opened: Opened, name: str) -> None:
    shop = opened(name)
    shop.add()

    def made_and_broken(asked: Asked) -> Said | None:
        if asked.method != "POST":
            return None
        shop.vendor.answer(asked, asked.path.strip("/").split("/"))
        return Said(400, {"message": "made, and broken"})

    shop.vendor.before = made_and_broken
    assert not shop.activate().is_success

    assert (shop.vendor.hooks, shop.prepared()) == ({}, {})


@pytest.mark.parametrize("name", ["github", "stripe", "shopify", "hubspot", "graph", "google"])
def test_killed_between_making_it_and_knowing_it(opened: Opened, settings: Settings, name: str) -> None:
    shop = opened(name)
    shop.add()
    child = os.fork()
    if child == 0:
        try:
            with Installation(replace(settings, base_url=BASE_URL), clock=FakeClock()) as installation:
                activate(lambda *, write=True: act(installation, actor=TESTER, write=write), "shop")
        finally:
            os._exit(1)
    shop.vendor.made = lambda: os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    shop.vendor.made = lambda: None
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert len(shop.vendor.hooks) == 1
    assert [one["id"] for one in shop.prepared()["webhooks"]["registrations"].values()] == [None]

    carried_on(shop)

    assert show_integration_of(shop).state == "active"
    # Channels are not listed: the one that nobody knows ends by itself.
    assert len(shop.vendor.hooks) == shop.case.count + (name == "google")
    assert [one.health for one in shop.look()] == [Health.HEALTHY]
    posts = [one for one in shop.vendor.asked if one.startswith("POST") and "hook" in one]
    if name in ("github", "shopify"):
        assert len(posts) == shop.case.count, "what was made was taken over"
    if name == "stripe":
        assert shop.secrets()[0] == "whsec_of_h2"


def carried_on(shop: Shop) -> None:
    """As a worker does with a job whose process died: what it did is done again from its beginning."""
    with shop.begin() as acting:
        [row] = acting.session.scalars(select(Job).where(Job.kind == ACTIVATE.name))
        acting.session.delete(row)
        integration_id = require_integration(acting.session, "shop").id
    shop.work(ACTIVATE, integration_id)


def test_what_is_there_already_is_no_reason_for_a_second_one(opened: Opened) -> None:
    shop = opened("shopify")
    shop.vendor.make({"topic": "orders/create", "address": f"{BASE_URL}/webhooks/hooks", "format": "json"})
    shop.vendor.make({"topic": "orders/create", "address": "https://elsewhere.example/hook", "format": "json"})
    shop.add()

    assert shop.activate().is_success

    assert len(shop.vendor.calls) == 2
    assert len(shop.vendor.hooks) == 4
    deactivate(shop.begin, "shop")
    assert [one["address"] for one in shop.vendor.hooks.values()] == ["https://elsewhere.example/hook"]


@pytest.mark.parametrize("name", ["github", "stripe"])
def test_one_whose_secret_nobody_knows_is_made_anew(opened: Opened, name: str) -> None:
    shop = opened(name)
    url = f"{BASE_URL}/webhooks/hooks"
    if name == "github":
        config = {"url": url, "secret": "unknown"}
        shop.vendor.make({"events": EVENTS[::-1], "config": config}, of="octo/hello", id=99)
        shop.vendor.make({"events": ["push"], "config": {**config}}, of="octo/hello", id=98)
    else:
        events = ["customer.updated", "customer.created", "customer.deleted"]
        shop.vendor.make({"url": url, "enabled_events": events}, id="h99")
    shop.add()

    assert shop.activate().is_success

    assert not shop.vendor.hooks.keys() & {"99", "h99"}
    if name == "github":
        # Somebody else's at the same address, about something else, is let be.
        assert "98" in shop.vendor.hooks
        assert len(shop.vendor.hooks) == 3
        hooks = [hook for hook in shop.vendor.hooks.values() if hook["id"] != 98]
        assert {hook["config"]["secret"] for hook in hooks} == set(shop.secrets())


def test_another_secret_of_the_source_is_told_to_the_provider(opened: Opened) -> None:
    shop = opened("github")
    shop.add()
    shop.activate()
    with shop.begin() as acting:
        rotate_credential(acting, "hooks", CredentialDraft(generate=True))

    shop.look()

    newest = shop.secrets()[0]
    assert {hook["config"]["secret"] for hook in shop.vendor.hooks.values()} == {newest}
    assert len(shop.vendor.hooks) == 2


def test_two_integrations_of_one_source_share_what_is_registered(opened: Opened) -> None:
    shop = opened("github")
    shop.add("shop")
    shop.add("other")
    assert shop.activate("shop").is_success
    first = dict(shop.vendor.hooks)
    assert shop.activate("other").is_success
    assert shop.vendor.hooks == first

    deactivate(shop.begin, "other")
    assert shop.vendor.hooks == first
    shop.activate("other")
    deactivate(shop.begin, "shop")
    shop.clock.advance(2 * HOUR)
    shop.look("other")
    assert len(shop.vendor.hooks) == 2


def test_another_tenants_address_is_not_taken_away(opened: Opened) -> None:
    shop = opened("hubspot")
    shop.vendor.target = "https://gateway.example.com/webhooks/other/hooks"
    shop.add()

    result = shop.activate()

    assert (result.code, shop.vendor.hooks) == ("remote_conflict", {})
    assert "another address already" in result.message
    assert shop.vendor.target == "https://gateway.example.com/webhooks/other/hooks"


def test_away_the_provider_is_left_alone_for_longer_each_time(opened: Opened) -> None:
    shop = opened("graph")
    shop.add()
    shop.activate()
    shop.vendor.before = lambda _asked: Said(503, {"error": {"message": "away"}})
    shop.clock.advance(2 * HOUR)
    pauses = []

    for _ in range(3):
        shop.vendor.asked.clear()
        [check] = shop.look()
        assert (check.health, bool(shop.vendor.asked)) == (Health.DEGRADED, True)
        assert "tried again from" in check.message
        assert TOKEN not in check.message
        shop.vendor.asked.clear()
        shop.look()
        assert shop.vendor.asked == []
        again = datetime.fromisoformat(shop.prepared()["webhooks"]["retry_at"])
        pauses.append(round((again - shop.vendor.now).total_seconds() / 60))
        shop.clock.advance((again - shop.vendor.now).total_seconds() + 1)

    assert pauses == [1, 2, 4]
    shop.vendor.before = lambda _asked: None
    shop.clock.advance(6 * HOUR)
    assert [one.health for one in shop.look()] == [Health.HEALTHY]
    shown = show_integration_of(shop).webhooks
    assert shown is not None
    assert shown["error"] is None


def test_what_is_wanted_otherwise_is_registered_otherwise(opened: Opened) -> None:
    shop = opened("github")
    shop.add()
    shop.activate()
    change_integration(
        shop.begin, "shop", IntegrationChange(configuration={"repositories": ["octo/hello", "octo/third"]})
    )
    shop.look()
    assert sorted(hook["of"] for hook in shop.vendor.hooks.values()) == ["octo/hello", "octo/third"]

    change_integration(shop.begin, "shop", IntegrationChange(sync={"webhook_topics": ["issues"]}))
    shop.look()
    assert {tuple(hook["events"]) for hook in shop.vendor.hooks.values()} == {("issues",)}

    change_integration(shop.begin, "shop", IntegrationChange(source=None))
    shop.look()
    assert (shop.vendor.hooks, shop.prepared()) == ({}, {})


def test_what_cannot_be_taken_back_stays_on_record(opened: Opened) -> None:
    shop = opened("github")
    shop.add()
    shop.activate()
    shop.vendor.before = lambda asked: Said(403, {"message": "no"}) if asked.method == "DELETE" else None

    result = deactivate(shop.begin, "shop")

    assert (result.status, result.details["left"]) == ("error", ["webhooks"])
    assert len(shop.prepared()["webhooks"]["registrations"]) == 2
    shop.vendor.before = lambda _asked: None
    assert deactivate(shop.begin, "shop").is_success
    assert (shop.vendor.hooks, shop.prepared()) == ({}, {})


def test_a_parameter_that_is_missing_is_told(opened: Opened) -> None:
    shop = opened("hubspot")
    shop.case = replace(shop.case, sync={})
    shop.add()

    result = shop.activate()

    assert "app_id must be known" in result.message
