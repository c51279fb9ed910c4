"""Secrets inside of something longer that is kept: a header's value, a URL, a body. Each is sealed where it stands.

What is around them stays readable, and whoever does not open them shows and sends a sealed value, which is worth
nothing. The form is `gateway-sealed.` and the sealed value in base64url, and `.`: it may stand in a header, in a URL's
query, in a form and in a JSON text without being escaped. Encryption is `sealing`'s.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from typing import Final

from gateway.errors import DecryptionFailed
from gateway.security.sealing import Keyring

MARK: Final = "gateway-sealed."
SEALED: Final = re.compile(r"gateway-sealed\.[A-Za-z0-9_-]{50,}\.", re.ASCII)

_MARK_BYTES = MARK.encode()
_SEALED_BYTES = re.compile(rb"gateway-sealed\.([A-Za-z0-9_-]{50,})\.")


def seal_value(keyring: Keyring, value: bytes, *, context: Sequence[str]) -> bytes:
    """What stands for `value` in a text that is kept. `context` is what `Keyring.seal` ties it to."""
    return _encoded(keyring.seal(value, context=context))


def holds_sealed(kept: bytes) -> bool:
    """Whether there may be a sealed value in it."""
    return _MARK_BYTES in kept


def opened_values(keyring: Keyring, kept: bytes, *, context: Sequence[str]) -> list[bytes]:
    """The secrets alone that are sealed in `kept` for `context`. Raises `DecryptionFailed` as `open_sealed`."""
    found = [match[0] for match in _SEALED_BYTES.finditer(kept)]
    opened = [(sealed, open_sealed(keyring, sealed, context=context)) for sealed in found]
    return [value for sealed, value in opened if value != sealed]


def changed_values(kept: bytes, change: Callable[[bytes], bytes | None]) -> bytes:
    """`kept` with another sealed value in the place of each for which `change` gives one."""

    def changed(match: re.Match[bytes]) -> bytes:
        other = change(_decoded(match))
        return match[0] if other is None else _encoded(other)

    return _SEALED_BYTES.sub(changed, kept)


def open_sealed(keyring: Keyring, kept: bytes, *, context: Sequence[str]) -> bytes:
    """The text as it was before its secrets were sealed for `context`.

    What looks like a sealed value and is none of this context came so, and stays. Raises `DecryptionFailed` where a key
    is missing.
    """
    if not holds_sealed(kept):
        return kept

    def opened(match: re.Match[bytes]) -> bytes:
        sealed = _decoded(match)
        try:
            return keyring.open(sealed, context=context)
        except DecryptionFailed:
            if keyring.can_open_key_of(sealed):
                return match[0]
            raise

    return _SEALED_BYTES.sub(opened, kept)


def _encoded(sealed: bytes) -> bytes:
    return b"%b%b." % (_MARK_BYTES, base64.urlsafe_b64encode(sealed).rstrip(b"="))


def _decoded(match: re.Match[bytes]) -> bytes:
    """The sealed value; empty for what only looks like one."""
    try:
        return base64.urlsafe_b64decode(match[1] + b"=" * (-len(match[1]) % 4))
    except ValueError:
        return b""
