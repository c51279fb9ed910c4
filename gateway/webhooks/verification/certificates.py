"""X.509 certificates: those that a request names by URL, and chains that come with a token.

Fetching is a shell's work; here a certificate is used only when it was fetched from the pinned URL and is valid now.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from gateway.providers.webhook.parts import Key
from gateway.webhooks.verification.keys import PublicKey
from gateway.webhooks.verification.pinning import is_pinned
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import malformed, mismatch, missing
from gateway.webhooks.verification.values import text_of


def certificate_url(key: Key) -> Callable[[Reading], str]:
    """The pinned URL of the certificate that the request names; raises Rejected when it is absent or elsewhere."""
    if key.url is None:
        raise AssertionError
    read, name, host, path = text_of(key.url), key.url.text, key.host, key.path

    def url(reading: Reading) -> str:
        value = read(reading)
        if not value:
            raise missing(f"{name} is absent or empty")
        if not is_pinned(value, host, path):
            raise malformed(f"{name} does not lead to the vendor's own certificates")
        return value

    return url


def certificate_key(key: Key) -> Callable[[Reading], list[PublicKey]]:
    """The public key of the certificate that the request names, from `credentials.certs`."""
    url_of = certificate_url(key)

    def keys(reading: Reading) -> list[PublicKey]:
        url = url_of(reading)
        text = reading.credentials.certs.get(url)
        if not text:
            raise mismatch(f"the certificate at {url} could not be had")
        certificate = load_certificate(text)
        if certificate is None or not is_valid_at(certificate, reading.now):
            raise mismatch(f"the certificate at {url} cannot be read or is not valid now")
        public_key = certificate.public_key()
        if not isinstance(public_key, PublicKey):
            raise mismatch(f"the certificate at {url} has a key of an unknown kind")
        return [public_key]

    return keys


@lru_cache(maxsize=512)
def load_certificate(text: str) -> x509.Certificate | None:
    """A certificate from PEM or from base64 DER; None when it is none."""
    try:
        if "-----BEGIN" in text:
            return x509.load_pem_x509_certificate(text.encode("ascii"))
        return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
    except (ValueError, TypeError, binascii.Error, UnsupportedAlgorithm):
        return None


def is_valid_at(certificate: x509.Certificate, now: float) -> bool:
    """Whether `now` (seconds since the epoch) is within the certificate's dates."""
    try:
        instant = datetime.fromtimestamp(now, UTC)
    except (ValueError, OverflowError, OSError):
        return False
    return certificate.not_valid_before_utc <= instant <= certificate.not_valid_after_utc


def chain_key(chain: Sequence[str], roots: Sequence[str], oids: Sequence[str], now: float) -> PublicKey | None:
    """The leaf's key of a chain `[leaf, intermediate, …]` (base64 DER) that ends in one of the operator's roots.

    The leaf carries the first marker OID and the intermediate the second. None when any of this fails. Source:
    Apple's App Store Server Library, SignedDataVerifier.
    """
    if len(chain) not in (2, 3):
        return None
    leaf, issuer = load_certificate(chain[0]), load_certificate(chain[1])
    trusted = [root for text in roots if (root := load_certificate(text)) is not None]
    if leaf is None or issuer is None or not is_valid_at(leaf, now) or not is_valid_at(issuer, now):
        return None
    if not all(_has_extension(certificate, oid) for certificate, oid in zip((leaf, issuer), oids, strict=False)):
        return None
    if not _may_issue(issuer) or not _issued_by(leaf, issuer):
        return None
    if not any(is_valid_at(root, now) and _may_issue(root) and _issued_by(issuer, root) for root in trusted):
        return None
    public_key = leaf.public_key()
    return public_key if isinstance(public_key, PublicKey) else None


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False


def _has_extension(certificate: x509.Certificate, oid: str) -> bool:
    try:
        return any(extension.oid.dotted_string == oid for extension in certificate.extensions)
    except (x509.DuplicateExtension, ValueError):
        return False
