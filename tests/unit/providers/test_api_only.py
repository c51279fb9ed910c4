"""Entries of providers that can only be called: they load, are shown, and whoever wants a source of one is told."""

from __future__ import annotations

import pytest

from gateway.errors import InvalidInput
from gateway.providers import CatalogueError, Provider, parse_provider
from gateway.providers.prose.description import describe
from gateway.providers.prose.summary import ProviderSchema, summary
from gateway.webhooks.samples.signing import Held, choose_scheme
from gateway.webhooks.sources.draft import SourceDraft, completed, faults
from gateway.webhooks.sources.schemes import possible_schemes
from gateway.webhooks.verification import Credentials, InboundRequest, judge

ENTRY = """\
name: Acme
category: tests
docs: Acme's handbook
evidence: {level: docs}
setup: [Make a key.]
api:
  base_url: https://acme.example
  docs: Acme's reference
  credential: {kind: bearer}
  resources:
    things: {path: /things, records: data, id: id, paging: {style: single}}
"""


@pytest.fixture
def acme() -> Provider:
    return parse_provider("acme", ENTRY, origin="acme.yaml")


def test_it_is_shown_without_anything_of_webhooks(acme: Provider) -> None:
    assert not acme.sends_webhooks
    assert [section.title for section in describe(acme)] == ["Set up", "Calling its API", "Evidence"]
    assert describe(acme)[-1].lines[0].startswith("API: docs")
    shown = ProviderSchema().dump(summary(acme))
    assert (shown["schemes"], shown["choose"], shown["lists"]) == ([], None, ["things"])


def test_a_source_of_it_is_refused_and_told_why(acme: Provider) -> None:
    catalogue = {"acme": acme}
    draft = SourceDraft("shop", "acme", credentials={"secret": "x"})

    with pytest.raises(InvalidInput, match="sends no webhooks that the gateway knows"):
        completed(catalogue, draft)
    [fault] = faults(catalogue, draft)
    assert (fault.field, fault.code) == ("provider", "mismatch")
    with pytest.raises(InvalidInput, match="sends no webhooks"):
        possible_schemes(acme, "default")
    with pytest.raises(InvalidInput, match="sends no webhooks"):
        choose_scheme(acme, None, Held("x"))


def test_nothing_verifies_by_it(acme: Provider) -> None:
    for scheme in (None, "default"):
        verdict = judge(
            acme, InboundRequest("POST", "https://a.example/", (), b"{}"), Credentials(), now=0.0, scheme=scheme
        )
        assert not verdict.accepted
        assert "no scheme" in verdict.detail
    with pytest.raises(KeyError):
        acme.scheme()


def test_an_entry_says_one_of_the_two() -> None:
    beginning, _, api = ENTRY.partition("api:")
    wrong = {
        beginning: "acme.yaml: needs the section `webhook`",
        f"{ENTRY}options: {{a: {{about: b}}}}\n": "acme.yaml: options: are values of a source",
        f"{beginning}webhook: {{schemes: []}}\napi:{api}": "acme.yaml: webhook.schemes: ",
    }
    for text, said in wrong.items():
        with pytest.raises(CatalogueError) as caught:
            parse_provider("acme", text, origin="acme.yaml")
        assert caught.value.faults[0].startswith(said), caught.value.faults


def test_faults_of_an_api_name_path_and_what_was_meant() -> None:
    wrong = ENTRY.replace("records: data", 'recods: data, paging: {style: cursor, paramter: a, path: "a["}').replace(
        ", paging: {style: single}}", "}"
    )
    with pytest.raises(CatalogueError) as caught:
        parse_provider("acme", wrong.replace("bearer", "beerer"), origin="acme.yaml")
    for said in (
        "acme.yaml: api.credential.kind: Must be one of: bearer",
        "acme.yaml: api.resources.things.recods: Unknown field. Did you mean `records`?",
        "acme.yaml: api.resources.things.paging.paramter: Unknown field. Did you mean `parameter`?",
        "acme.yaml: api.resources.things.paging.path: is no JMESPath: ",
        "acme.yaml: api.resources.things.records: Missing data",
    ):
        assert any(fault.startswith(said) for fault in caught.value.faults), said
    assert not any("\n" in fault for fault in caught.value.faults)
