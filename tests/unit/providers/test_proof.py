"""Where requests carry a proof, and where a shared secret itself: known for every entry, as data."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.providers import catalogue, proofs, shared_secrets
from gateway.providers.webhook import proof
from gateway.providers.webhook.places import parse_place

TOKEN = '{in: header:X-Proof, prefix: "Acme "}'


def test_a_token_is_the_secret_itself() -> None:
    found = proof.shared_secrets(catalogue()["cloudflare-notifications"].webhook)
    assert found == proof.Carriers(headers=frozenset({"cf-webhook-auth"}))


def test_so_is_a_password_whichever_scheme_is_chosen() -> None:
    found = proof.shared_secrets(catalogue()["postmark"].webhook)
    assert (found.headers, found.query) == ({"authorization"}, {"token"})


def test_a_token_in_each_element_is_found_from_the_top() -> None:
    found = proof.shared_secrets(catalogue()["microsoft-graph"].webhook)
    assert found.json == {("value", proof.EVERY, "clientState")}


def test_what_a_handshake_hands_over_or_compares_is_a_secret_too() -> None:
    entries = catalogue()
    assert proof.shared_secrets(entries["asana"].webhook).headers == {"x-hook-secret"}
    assert proof.shared_secrets(entries["notion"].webhook).json == {("verification_token",)}
    assert proof.shared_secrets(entries["meta"].webhook).query == {"hub.verify_token"}


def test_a_secret_in_the_path_is_known_by_its_position() -> None:
    assert proof.shared_secrets(catalogue()["secret-url"].webhook).segments == {-1}


def test_a_signature_proves_without_revealing() -> None:
    webhook = catalogue()["dropbox-sign"].webhook
    assert proof.shared_secrets(webhook) == proof.Carriers()
    assert proof.proofs(webhook).form_json == {("json", "event", "event_hash")}


@pytest.mark.parametrize(
    ("provider", "place"),
    [
        ("contentful", "header:x-contentful-signature"),
        ("plivo", "header:x-plivo-signature-v3"),
        ("paddle-classic", "form:p_signature"),
        ("truelayer", "header:tl-signature"),
        ("chargebee", "header:authorization"),
    ],
)
def test_what_a_function_or_a_password_reads_is_known_as_well(provider: str, place: str) -> None:
    [found] = proof.proof_places(catalogue()[provider].scheme())
    wanted = parse_place(place)
    assert (found.kind, found.name) == (wanted.kind, wanted.name)


def test_every_scheme_that_proves_something_says_where() -> None:
    for provider in catalogue().values():
        for scheme in provider.webhook.schemes:
            assert bool(proof.proof_places(scheme)) is not scheme.unsigned, f"{provider.id}: {scheme.id}"


def test_own_entries_count(tmp_path: Path, entry: str) -> None:
    (tmp_path / "acme.yaml").write_text(entry.replace("X-Acme-Signature", "X-Acme-Seal"))
    signed = '    signature: {in: header:X-Acme-Signature, prefix: sha256=, encoding: hex}\n    signs: "{body}"\n'
    (tmp_path / "open.yaml").write_text(entry.replace(signed, f"    token: {TOKEN}\n").replace("hmac-sha256", "token"))
    assert proofs(tmp_path).headers == proofs().headers | {"x-acme-seal", "x-proof"}
    assert shared_secrets(tmp_path).headers == shared_secrets().headers | {"x-proof"}
