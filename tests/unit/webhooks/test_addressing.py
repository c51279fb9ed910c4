"""Whom a path is for: told before percent-encodings are undone, and the same wherever it is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhooks.receive.addressing import NOWHERE, Address, address_of, origin_form, refuse_address
from tests.services.for_each import for_each_row


@for_each_row(
    ("target", "address"),
    [
        ("/webhooks/github", Address("default", "github")),
        ("/webhooks/acme/github?tenant=other/x", Address("acme", "github")),
        ("//webhooks/github", Address("default", "github")),
        ("/%77ebhooks/git%68ub", Address("default", "github")),
        ("/webhooks/acme%2Fgithub", Address("default", "acme/github")),
        ("/webhooks/acme%2fgithub/x", Address("acme/github", "x")),
        ("/webhooks/caf%C3%A9", Address("default", "café")),
        ("/webhooks/%ff", Address("default", "\ufffd")),
        ("/webhooks/../github", Address("..", "github")),
        ("/webhooks/", NOWHERE),
        ("/webhooks//github", NOWHERE),
        ("/webhooks/github/", NOWHERE),
        ("/webhooks/a/b/c", NOWHERE),
        ("/webhooks", None),
        ("/webhooks?x=/", None),
        ("/webhooks%2Fgithub", None),
        ("/webhookss/github", None),
        ("/healthz", None),
        ("/", None),
        ("*", None),
        ("", None),
    ],
)
def test_targets(target: str, address: Address | None) -> None:
    assert address_of(target) == address


@given(st.text(alphabet="abc/%2F5.", max_size=12))
def test_an_encoded_slash_never_makes_a_name_of_its_own(rest: str) -> None:
    address = address_of(f"/webhooks/{rest}")
    assert address is not None
    if address is not NOWHERE:
        assert bool(address.tenant != "default") == ("/" in rest)


@pytest.mark.parametrize(
    ("target", "origin"),
    [
        ("/webhooks/x?a=1", "/webhooks/x?a=1"),
        ("/webhooks/x?", "/webhooks/x"),
        ("/webhooks/x??", "/webhooks/x?"),
        ("http://elsewhere.example.com/webhooks/x?q", "/webhooks/x?q"),
        ("http://elsewhere.example.com", "/"),
        ("/webhooks/x?url=http://elsewhere.example.com/", "/webhooks/x?url=http://elsewhere.example.com/"),
        ("*", "*"),
    ],
)
def test_a_whole_url_counts_for_its_path_and_query(target: str, origin: str) -> None:
    assert origin_form(target) == origin


@pytest.mark.parametrize(
    ("address", "method", "status"),
    [
        (NOWHERE, "DELETE", 404),
        (Address("default", "x"), "DELETE", 405),
        (Address("default", "x"), "post", 405),
        (Address("default", "x"), "POST", None),
        (Address("default", "x"), "HEAD", None),
    ],
)
def test_what_is_refused_without_asking_a_source(address: Address, method: str, status: int | None) -> None:
    refused = refuse_address(address, method)
    assert (refused.status if refused else None) == status
