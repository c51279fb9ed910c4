"""The border to joserfc: compact tokens in, protected headers and verified payloads out, nothing raised.

Real tokens carry headers of their own and certificate chains, which joserfc's default registry refuses; what is
signed and how is still joserfc's to decide, with the algorithms that the entry pins.
"""

from __future__ import annotations

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, RSAKey

TokenKey = OctKey | RSAKey | ECKey


class _Registry(jws.JWSRegistry):
    """Room for a chain of certificates in the header and for a body as detached payload. Sizes in bytes."""

    max_header_length = 64 * 1024
    max_payload_length = 64 * 1024 * 1024
    max_signature_length = 4 * 1024


def protected_header(token: str) -> dict[str, object] | None:
    """The protected header of a compact token, not verified; None when it is no token."""
    try:
        header = jws.extract_compact(token.encode("ascii"), registry=_registry(())).protected
    except (JoseError, ValueError, TypeError, RecursionError):
        return None
    return dict(header) if isinstance(header, dict) else None


def verified_payload(token: str, key: TokenKey, algorithms: tuple[str, ...]) -> bytes | None:
    """The payload of a compact token that this key signed with one of the algorithms, else None."""
    try:
        return jws.deserialize_compact(token.encode("ascii"), key, registry=_registry(algorithms)).payload
    except (JoseError, ValueError, TypeError, RecursionError):
        return None


def _registry(algorithms: tuple[str, ...]) -> _Registry:
    return _Registry(algorithms=list(algorithms), strict_check_header=False)
