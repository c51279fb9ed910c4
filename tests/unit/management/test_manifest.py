"""Reading manifests and planning from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.routes.draft import RouteDraft
from gateway.delivery.routes.search import RouteSummary
from gateway.errors import InvalidInput
from gateway.manifest.plan import Action, Present, faults, plan
from gateway.manifest.reading import Manifest, parse
from gateway.providers import catalogue
from gateway.security.ssrf import AddressPolicy
from gateway.webhooks.sources.draft import SourceDraft
from tests.services.for_each import for_each_row

TEXT = """
sources:
  - {slug: github, provider: github, secret_env: GH}
destinations:
  - {name: app, url: "https://app.example.com/", schedule: [5, 30], headers: {X-Retry: yes, X-Count: 3}}
routes:
  - {source: github, types: [push, push], to: app}
"""
VARIABLES = {"GH": "s3cret"}
SOURCE = SourceDraft("github", "github", "sha256", credentials={"secret": "s3cret"})
APP = DestinationDraft("app", "https://app.example.com/")
ROUTE = RouteSummary(
    "rte_1", "github-to-app", "github", ["push"], None, None, False, None, "app", datetime(2026, 1, 1, tzinfo=UTC)
)
PRESENT = Present({"github": SOURCE}, {"app": APP}, frozenset({"shop:handle"}), [ROUTE])
MANIFEST = Manifest((SOURCE,), (APP,), (RouteDraft("github", "app", ("push",)),))


def test_a_manifest_is_read() -> None:
    manifest, found = parse(TEXT, VARIABLES.get)
    assert found == []
    assert manifest.sources[0].credentials == {"secret": "s3cret"}
    assert manifest.destinations[0].headers == (("X-Retry", "true"), ("X-Count", "3"))
    assert manifest.destinations[0].schedule_seconds == (5.0, 30.0)
    assert manifest.routes[0].patterns == ("push",)
    assert "s3cret" not in repr(manifest)


def test_an_empty_file_asks_for_nothing() -> None:
    assert parse("", VARIABLES.get) == (Manifest(), [])


@for_each_row(
    ("text", "field"),
    [
        ("sources: [{slug: a}]", "sources[0].provider"),
        ("sources: [{slug: a, provider: github, colour: red}]", "sources[0].colour"),
        ("sources: [{slug: a, provider: github, secret_env: NOPE}]", "sources[0].secret_env"),
        ("sources: [{slug: a, provider: github, secret: a, secret_env: GH}]", "sources[0].secret"),
        ("sources: [{slug: a, provider: meta, options: {verify_token: [1]}}]", "sources[0].options.verify_token"),
        ("sources: [{slug: a, provider: github}, {slug: a, provider: github}]", "sources[1].slug"),
        ("destinations: [{name: a, url: b, schedule: [x]}]", "destinations[0].schedule[0]"),
        ("destinations: [{name: a, url: b, headers_env: {X: NOPE}}]", "destinations[0].headers_env.X"),
        ("destinations: [{name: a, url: b}, {name: a, url: c}]", "destinations[1].name"),
        ("routes: [{source: a}]", "routes[0].to"),
        ("routes: [{source: a, to: b, types: []}]", "routes[0].types"),
        ("routes: [{name: x, source: a, to: b}, {name: x, source: a, to: c}]", "routes[1].name"),
        ("routes: [{source: a, to: b}, {name: x, source: a, to: b}]", "routes[1]"),
        ("things: []", "things"),
        ("sources: 3", "sources"),
    ],
)
def test_faults_have_the_path_of_their_key(text: str, field: str) -> None:
    assert field in {fault.field for fault in parse(text, VARIABLES.get)[1]}


@pytest.mark.parametrize("text", ["a: [", "- a", "just text", "a: 1\na: 2", "!!python/object:os.system {}"])
def test_what_is_no_mapping_at_all(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse(text, VARIABLES.get)


def test_nothing_changes_when_all_is_as_it_should_be() -> None:
    assert plan(MANIFEST, PRESENT, prune=True).changes == ()


def test_what_is_not_there_is_created() -> None:
    changes = plan(MANIFEST, Present(), prune=False).changes
    assert [(change.action, change.thing.kind) for change in changes] == [
        (Action.CREATE, "source"),
        (Action.CREATE, "destination"),
        (Action.CREATE, "route"),
    ]


@pytest.mark.parametrize(
    ("source", "field"),
    [
        (replace(SOURCE, credentials={"secret": "other"}), "credentials.secret"),
        (replace(SOURCE, scheme="sha1_legacy"), "scheme"),
        (replace(SOURCE, enabled=False), "enabled"),
        (replace(SOURCE, allowed_ips=("192.0.2.1",)), "allowed_ips"),
    ],
)
def test_a_source_that_differs_is_updated(source: SourceDraft, field: str) -> None:
    [change] = plan(replace(MANIFEST, sources=(source,)), PRESENT, prune=False).changes
    assert (change.action, change.fields) == (Action.UPDATE, (field,))
    assert "other" not in repr(change)
    assert "s3cret" not in repr(change)


def test_credentials_that_the_manifest_does_not_name_stay() -> None:
    assert plan(replace(MANIFEST, sources=(replace(SOURCE, credentials={}),)), PRESENT, prune=False).changes == ()


@pytest.mark.parametrize(
    ("destination", "field"),
    [
        (replace(APP, url="https://b.example.com/"), "url"),
        (replace(APP, headers=(("X", "1"),)), "headers.X"),
        (replace(APP, schedule_seconds=()), "schedule"),
        (replace(APP, concurrency=1), "concurrency"),
    ],
)
def test_a_destination_that_differs_is_updated(destination: DestinationDraft, field: str) -> None:
    [change] = plan(replace(MANIFEST, destinations=(destination,)), PRESENT, prune=False).changes
    assert (change.action, change.fields) == (Action.UPDATE, (field,))


def test_a_route_that_allows_null_is_another_one() -> None:
    allowing = replace(MANIFEST.routes[0], allow_null=True)
    [change] = plan(replace(MANIFEST, routes=(allowing,)), PRESENT, prune=False).changes
    assert (change.action, change.fields) == (Action.UPDATE, ("allow_null",))
    assert parse("routes: [{source: a, to: b, allow_null: true}]", VARIABLES.get)[0].routes[0].allow_null


def test_routes_are_removed_only_when_asked() -> None:
    manifest = replace(MANIFEST, routes=())
    assert plan(manifest, PRESENT, prune=False).changes == ()
    [change] = plan(manifest, PRESENT, prune=True).changes
    assert (change.action, change.thing.name) == (Action.REMOVE, "github-to-app")


def test_all_faults_come_at_once() -> None:
    manifest = Manifest(
        (replace(SOURCE, provider="stripe", scheme=None), SourceDraft("x", "githb")),
        (replace(APP, url="ftp://x"),),
        (RouteDraft("nope", "nobody", where="["), RouteDraft("gateway", "shop:handle")),
    )
    policy = AddressPolicy(allow_private=False)
    found = {fault.field for fault in faults(manifest, PRESENT, catalogue(), policy, prune=False)}
    assert found == {
        "sources[0].provider",
        "sources[1].provider",
        "destinations[0].url",
        "routes[0].source",
        "routes[0].to",
        "routes[0].where",
    }


POLICY = AddressPolicy(allow_private=False)


def test_what_binds_a_source_is_asked_for_in_a_file_too() -> None:
    sources = (SourceDraft("sns", "aws-sns"), SourceDraft("wise", "wise"), SourceDraft("tasks", "asana"))
    found = {
        fault.field: fault.code
        for fault in faults(Manifest(sources=sources), Present(), catalogue(), POLICY, prune=False)
    }
    assert found["sources[0].options.topic_arn"] == "missing"
    assert found["sources[1].slug"] == found["sources[2].slug"] == "guessable"


def test_a_source_that_has_its_secret_waits_for_none() -> None:
    """Asana's own came before; the file has never named it."""
    wanted = Manifest(sources=(SourceDraft("tasks", "asana"),))
    present = Present(sources={"tasks": SourceDraft("tasks", "asana", credentials={"secret": "the one that came"})})
    assert list(faults(wanted, present, catalogue(), POLICY, prune=False)) == []
    waiting = Present(sources={"tasks": SourceDraft("tasks", "asana")})
    assert [fault.code for fault in faults(wanted, waiting, catalogue(), POLICY, prune=False)] == ["guessable"]
