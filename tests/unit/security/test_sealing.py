"""Sealing: what was sealed opens with its key, for its context, unchanged, and in no other case."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import decode_key
from gateway.errors import DecryptionFailed
from gateway.security.sealing import Keyring, generate_key, key_id

OLD, NEW = bytes(32), bytes(range(32))
CONTEXT = ("default", "src_1", "secret")


@given(st.binary(), st.lists(st.text(), max_size=4))
def test_a_sealed_value_opens_for_its_context(plaintext: bytes, context: list[str]) -> None:
    keyring = Keyring([NEW])
    assert keyring.open(keyring.seal(plaintext, context=context), context=context) == plaintext


def test_the_format_is_version_key_nonce_ciphertext() -> None:
    sealed = Keyring([NEW]).seal(b"whsec", context=("a", "b"))
    assert sealed[:1] == b"\x01"
    assert sealed[1:9] == key_id(NEW)
    associated = sealed[:9] + b"\0\0\0\x01a" + b"\0\0\0\x01b"
    assert AESGCM(NEW).decrypt(sealed[9:21], sealed[21:], associated) == b"whsec"


def test_sealing_twice_gives_different_values() -> None:
    keyring = Keyring([NEW])
    assert keyring.seal(b"x", context=CONTEXT) != keyring.seal(b"x", context=CONTEXT)


@pytest.mark.parametrize(
    "context",
    [
        ("other", "src_1", "secret"),
        ("default", "src_2", "secret"),
        ("default", "src_1", "token"),
        ("default", "src_1"),
        ("defaults", "rc_1", "secret"),
        ("default", "src_1secret", ""),
        (),
    ],
)
def test_a_value_moved_elsewhere_does_not_open(context: tuple[str, ...]) -> None:
    keyring = Keyring([NEW])
    sealed = keyring.seal(b"x", context=CONTEXT)
    with pytest.raises(DecryptionFailed):
        keyring.open(sealed, context=context)


def test_no_byte_can_be_changed() -> None:
    keyring = Keyring([NEW])
    sealed = keyring.seal(b"x", context=CONTEXT)
    for index in range(len(sealed)):
        changed = sealed[:index] + bytes([sealed[index] ^ 1]) + sealed[index + 1 :]
        with pytest.raises(DecryptionFailed):
            keyring.open(changed, context=CONTEXT)


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x02" + bytes(60), bytes(60)])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(DecryptionFailed):
        Keyring([NEW]).open(sealed, context=CONTEXT)


def test_rotation_opens_with_every_key_and_seals_with_the_first() -> None:
    before, during, after = Keyring([OLD]), Keyring([NEW, OLD]), Keyring([NEW])
    sealed_before = before.seal(b"x", context=CONTEXT)
    assert during.open(sealed_before, context=CONTEXT) == b"x"
    assert not during.is_current(sealed_before)
    sealed_during = during.seal(b"x", context=CONTEXT)
    assert during.is_current(sealed_during)
    assert after.open(sealed_during, context=CONTEXT) == b"x"
    with pytest.raises(DecryptionFailed, match="GATEWAY_ENCRYPTION_KEYS"):
        after.open(sealed_before, context=CONTEXT)


def test_the_repr_shows_no_key() -> None:
    shown = repr(Keyring([NEW]))
    assert NEW.hex() not in shown
    assert base64.b64encode(NEW).decode() not in shown
    assert key_id(NEW).hex() in shown


def test_generated_keys_are_usable_and_different() -> None:
    assert len(decode_key(generate_key())) == 32
    assert generate_key() != generate_key()


@pytest.mark.parametrize("keys", [[], [b"short"], [NEW, NEW + b"x"]])
def test_unusable_keys_are_refused(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="key"):
        Keyring(keys)
