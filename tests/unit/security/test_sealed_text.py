"""Sealed values inside of longer texts: opened where they are this context's, left where they only look so."""

from __future__ import annotations

import pytest

from gateway.errors import DecryptionFailed
from gateway.security.sealed_text import holds_sealed, open_sealed, seal_value
from gateway.security.sealing import Keyring

KEYRING = Keyring([b"a" * 32])
CONTEXT = ("ten_1", "request", "shop")


def test_what_is_around_a_secret_stays() -> None:
    kept = b'{"a": "%b", "b": 1}' % seal_value(KEYRING, b"h\xc3\xa4\\u0041", context=CONTEXT)
    assert holds_sealed(kept)
    assert b"u0041" not in kept
    assert open_sealed(KEYRING, kept, context=CONTEXT) == b'{"a": "h\xc3\xa4\\u0041", "b": 1}'


def test_it_needs_no_escapes_anywhere() -> None:
    assert (
        seal_value(KEYRING, bytes(range(256)), context=CONTEXT)
        .decode()
        .replace("-", "")
        .replace(".", "")
        .replace("_", "")
        .isalnum()
    )


@pytest.mark.parametrize("kept", [b"plain", b"gateway-sealed.", b"gateway-sealed.%b." % (b"A" * 60)])
def test_what_only_looks_sealed_stays(kept: bytes) -> None:
    assert open_sealed(KEYRING, kept, context=CONTEXT) == kept


def test_a_value_of_another_owner_stays_closed() -> None:
    kept = seal_value(KEYRING, b"secret", context=("ten_2", "request", "shop"))
    assert open_sealed(KEYRING, kept, context=CONTEXT) == kept


def test_a_missing_key_is_told() -> None:
    kept = seal_value(Keyring([b"b" * 32]), b"secret", context=CONTEXT)
    with pytest.raises(DecryptionFailed, match="not among the keys at hand"):
        open_sealed(KEYRING, kept, context=CONTEXT)
