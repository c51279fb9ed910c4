"""A source's own secrets are found wherever they stand, in each spelling, and at a cost that has a bound."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest

from gateway.security.sealed_text import MARK, open_sealed, seal_value
from gateway.security.sealing import Keyring
from gateway.webhooks.own_secrets import MOST_FOUND, OwnSecrets
from tests.services.for_each import for_each_row

KEYRING = Keyring([b"a" * 32])
CONTEXT = ("ten_1", "request", "shop")
SECRET = 'pa/ss "w\xf6rd"+1?'
RAW = SECRET.encode()
WRITTEN = {
    "as it is": RAW,
    "in a query": quote(SECRET, safe="").encode(),
    "in a query, in lower case": quote(SECRET, safe="")
    .replace("%2F", "%2f")
    .replace("%C3%B6", "%c3%b6")
    .lower()
    .encode(),
    "in a path": quote(SECRET).encode(),
    "in a form": quote_plus(SECRET).encode(),
    "in JSON": json.dumps(SECRET)[1:-1].encode(),
    "in JSON, not escaped": json.dumps(SECRET, ensure_ascii=False)[1:-1].encode(),
    "in JSON, with slashes escaped": json.dumps(SECRET)[1:-1].replace("/", "\\/").encode(),
    "in UTF-16": SECRET.encode("utf-16-le"),
    "in Latin-1": SECRET.encode("latin-1"),
    "in a header that was read byte by byte": RAW.decode("latin-1").encode(),
    "in hexadecimals": RAW.hex().encode(),
    "in base64": base64.b64encode(RAW),
    "in base64 for URLs": base64.urlsafe_b64encode(RAW),
}


def seal(value: bytes) -> bytes:
    return seal_value(KEYRING, value, context=CONTEXT)


def sealed(secrets: tuple[str, ...], text: bytes, *, is_cut: bool = False) -> bytes:
    kept = OwnSecrets(secrets).sealed(text, text, seal, is_cut=is_cut)
    assert open_sealed(KEYRING, kept, context=CONTEXT) == text
    return kept


@for_each_row(("name", "written"), WRITTEN.items())
def test_each_spelling_is_sealed_where_it_stands(name: str, written: bytes) -> None:
    kept = sealed(("another-one", SECRET), b"before " + written + b" after")
    assert written not in kept, name
    assert kept.startswith(b"before gateway-sealed.")
    assert kept.endswith(b" after")


@pytest.mark.parametrize("user", ["", "a", "ab", "abc"])
def test_a_password_behind_any_user_name_in_base64(user: str) -> None:
    basic = base64.b64encode(f"{user}:correct-horse".encode())
    kept = sealed(("correct-horse",), b"Basic " + basic)
    # What is left of it is the user name, and less than a byte of the password.
    left = kept.split(MARK.encode())[0].removeprefix(b"Basic ")
    assert len(left) * 6 < (len(user) + 1) * 8 + 8
    assert len(kept.rpartition(b".")[2].rstrip(b"=")) <= 1


def test_what_is_sealed_already_is_not_touched() -> None:
    kept = seal(b"s3cret")
    secret = kept[20:24].decode()
    assert (
        OwnSecrets([secret]).sealed(kept + b" x " + secret.encode(), b"", seal).startswith(kept + b" x gateway-sealed.")
    )


def test_a_text_that_is_full_of_it_is_sealed_whole() -> None:
    calls = []

    def counted(value: bytes) -> bytes:
        calls.append(value)
        return seal(value)

    original = b"a" * 60_000
    kept = OwnSecrets(["a"]).sealed(seal(b"name") + original, original, counted)
    assert open_sealed(KEYRING, kept, context=CONTEXT) == original
    assert len(calls) == MOST_FOUND + 1
    assert kept.count(MARK.encode()) == 1


def test_the_beginning_at_the_end_of_what_was_cut() -> None:
    text = b"before correct-ho"
    assert sealed(("correct-horse",), text, is_cut=True).startswith(b"before gateway-sealed.")
    assert sealed(("correct-horse",), text) == text
    assert sealed(("correct-horse",), b"before co", is_cut=True) == b"before co"


def test_nothing_is_found_without_secrets() -> None:
    assert sealed((), b"anything") == b"anything"
    assert sealed(("",), b"anything", is_cut=True) == b"anything"
    assert "s3cret" not in repr(OwnSecrets(["s3cret"]))
