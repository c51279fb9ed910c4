"""The diagnosis never holds a secret, a valid signature or a query's values; and it stands any bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import groupby, islice
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.terminal.output import as_data
from gateway.providers import catalogue
from gateway.webhooks.explain import Case, OldCredential, OtherSource, explain
from gateway.webhooks.verification import Credentials, InboundRequest
from tests.services.for_each import for_each
from tests.unit.explain.conftest import BODY, NOW, SECRET, case, github_headers, hex_hmac
from tests.unit.verification.conftest import VECTORS, Vector

OTHER = "another source's own"
OLD = "what it was before"


def _kind(vector: Vector) -> tuple[str, str]:
    return vector.scheme.family, vector.case


def _said(found: object) -> str:
    return json.dumps(as_data(found)) + repr(found)


def test_neither_secrets_nor_signatures_are_told() -> None:
    others = [OtherSource("other", catalogue()["github"], "sha256", Credentials(secrets=[OTHER]))]
    ended = [OldCredential("secret", OLD, "2026-11-01")]
    for signer in (SECRET, OTHER, OLD, f"{SECRET}\n", "unknown"):
        request = case("github", github_headers(signer), others=others, ended=ended)
        said = _said(explain(request)) + repr(request)
        for secret in (SECRET, OTHER, OLD):
            assert secret not in said
            assert hex_hmac(secret, BODY) not in said
        assert hex_hmac(signer, BODY) not in said


# One of each family and case: a request that is refused is tried with everything that could have gone wrong.
EXPLAINED = [vector for _, alike in groupby(sorted(VECTORS, key=_kind), key=_kind) for vector in islice(alike, 1)]


@for_each(EXPLAINED)
def test_vectors_are_explained_without_telling(vector: Any) -> None:
    request = Case(
        vector.provider, vector.request, vector.credentials, vector.now, vector.scheme.id, "s", catalogue=catalogue()
    )
    found = explain(request)
    assert found.findings
    said = _said(found)
    for secret in vector.credentials.secrets:
        assert not secret or secret not in said
    proofs = [value for name, value in vector.request.headers if name.lower() in vector.proof_headers]
    assert not [proof for proof in proofs if proof in said]
    expected = {"accept": "accepted_now", "handshake": "handshake"}.get(vector.expect)
    if expected is not None:
        assert found.findings[0].cause in (expected, "handshake")
    elif "wrong" in vector.case:
        assert found.findings[0].cause in ("wrong_credential", "url", "no_credential"), found.findings


def test_the_values_of_a_query_are_hidden() -> None:
    found = explain(case("azure-event-grid", [], url="https://gw.example.com/x?code=topsecret&a=b", secrets=["other"]))
    assert "topsecret" not in _said(found)
    assert "code=…" in _said(found)


def test_the_beginning_of_a_token_is_not_told() -> None:
    found = explain(case("gitlab", [("X-Gitlab-Token", "mypass=wordword")], secrets=["other"]))
    assert "mypass" not in _said(found)
    assert "Bearer" in _said(explain(case("supabase-db", [("Authorization", "Bearer abcdefgh")], secrets=["x"])))


@given(
    provider=st.sampled_from(sorted(catalogue())),
    body=st.binary(max_size=300),
    value=st.text(st.characters(max_codepoint=255), max_size=80),
    url=st.text(max_size=60),
)
def test_nothing_makes_it_fail(provider: str, body: bytes, value: str, url: str) -> None:
    entry = catalogue()[provider]
    names = {place.name for scheme in entry.webhook.schemes if (part := scheme.signature) for place in part.places}
    headers = [(name, value) for name in sorted(names) if name] + [("content-type", value)]
    held = Credentials(secrets=[SECRET], public_key="x", username="u", password="p", options={"header": value})
    request = Case(entry, InboundRequest("POST", f"https://{url}", headers, body), held, NOW, catalogue=catalogue())
    assert explain(request).findings
    assert explain(replace(request, catalogue={}, source="s")).findings
