"""Public-key signatures: the families `rsa` (PKCS #1 v1.5), `ecdsa` (DER) and `ed25519`."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateway.providers.webhook.model import Scheme
from gateway.webhooks.verification.certificates import certificate_key
from gateway.webhooks.verification.keys import PublicKey, public_keys_of
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import mismatch
from gateway.webhooks.verification.signatures import candidates_of
from gateway.webhooks.verification.signed import closing_of, opening_of, signed_messages
from gateway.webhooks.verification.verify import Verify, signature_of

# SHA-1 only where a vendor still signs with it; the entry says so.
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303
    "sha256": hashes.SHA256(),
    "sha512": hashes.SHA512(),
}


def verify_asymmetric(scheme: Scheme) -> Verify:
    """Check the request's signatures with the operator's public keys, or with the pinned certificate."""
    candidates, messages, keys = candidates_of(signature_of(scheme)), signed_messages(scheme), _keys(scheme)
    opening, closing = opening_of(scheme), closing_of(scheme)

    def verify(reading: Reading) -> None:
        given = candidates(reading)
        signed_at = opening(reading)
        public_keys = keys(reading)
        for message in messages(reading):
            for public_key in public_keys:
                if any(is_signed_by(public_key, candidate, message, scheme) for candidate in given):
                    reading.signed = (message,)
                    closing(reading, signed_at)
                    return
        raise mismatch("no current public key of the source fits this signature and these bytes")

    return verify


def is_signed_by(public_key: PublicKey, signature: bytes, message: bytes, scheme: Scheme) -> bool:
    """Whether the signature is by that key over the message, by the scheme's family and hash."""
    try:
        if scheme.family == "ed25519" and isinstance(public_key, Ed25519PublicKey):
            public_key.verify(signature, message)
        elif scheme.family == "rsa" and isinstance(public_key, RSAPublicKey):
            public_key.verify(signature, message, PKCS1v15(), _HASHES[scheme.hash])
        elif scheme.family == "ecdsa" and isinstance(public_key, EllipticCurvePublicKey):
            public_key.verify(signature, message, ECDSA(_HASHES[scheme.hash]))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _keys(scheme: Scheme) -> Callable[[Reading], list[PublicKey]]:
    if scheme.key.source == "certificate":
        return certificate_key(scheme.key)
    read = public_keys_of(scheme.key)
    return lambda reading: read(reading.credentials)
