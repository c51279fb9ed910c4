"""Private keys that apps prove themselves with (`private_key_jwt`, service accounts), as people paste them. Pure."""

from __future__ import annotations

import json
import warnings
from collections.abc import Collection
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import RSAKey, import_key

LEAST_RSA_BITS = 2048  # RFC 7518, 3.3
_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


def tidied(text: str) -> str:
    """`text` without what goes along when it is copied: blanks around it, and line ends that are written out."""
    stripped = text.strip()
    return stripped.replace("\\n", "\n").strip() if stripped.startswith("-----BEGIN") else stripped


def key_fault(text: str, algorithms: Collection[str]) -> str | None:
    """Why `text` (PEM, or a JWK as JSON) cannot sign with one of `algorithms` (JWS names); None where it can. No key is
    quoted.
    """
    types = {_TYPES[name[:2]] for name in algorithms if name[:2] in _TYPES}
    if text.startswith("-----BEGIN") and _is_encrypted(text):
        return "is encrypted with a passphrase: give it decrypted, the gateway seals it"
    key = _imported(text, types)
    if key is None:
        return f"is no {' or '.join(sorted(types))} key in PEM or as a JWK: copy it whole"
    if not key.is_private:
        return "is a public key: the private one signs"
    if isinstance(key, RSAKey) and key.raw_value.key_size < LEAST_RSA_BITS:
        return f"is too short: RSA needs {LEAST_RSA_BITS} bits"
    return None


def _is_encrypted(text: str) -> bool:
    try:
        # Whether it is sound is seen when it is imported.
        load_pem_private_key(text.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        # What cryptography raises where a passphrase is needed.
        return True
    except ValueError:
        return False
    return False


def _imported(text: str, types: Collection[str]) -> Any:
    """The key, of one of `types`; None where it is none."""
    try:
        data = text if text.startswith("-----BEGIN") else json.loads(text)
    except ValueError:
        return None
    if not isinstance(data, str | dict):
        return None
    for name in sorted(types):
        try:
            with warnings.catch_warnings():
                # Short keys are told to who gives them, and not to a log.
                warnings.simplefilter("ignore", SecurityWarning)
                found: Any = import_key(data, name)  # type: ignore[call-overload]
        except (ValueError, TypeError, KeyError, JoseError):
            continue
        return found
    return None
