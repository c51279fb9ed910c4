"""The border to joserfc for ID tokens: a compact token and a key set in, claims or a reason out.

Which algorithm counts is the caller's to say and never the token's. Real tokens carry headers of their own, which
joserfc's default registry refuses, and EdDSA by its old name, of which it warns each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

PublicKey = RSAKey | ECKey | OKPKey

_KIND_OF = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
MAX_TRIED = 16
"""Keys of one set that a token without a key id is tried with."""
_UNREADABLE = (JoseError, ValueError, TypeError, KeyError, RecursionError)


class _Registry(jws.JWSRegistry):
    """Room for the headers of real tokens; sizes in bytes."""

    max_header_length = 8 * 1024

    def get_alg(self, name: str) -> Any:
        """The algorithm, if it is taken; without the library's warnings, which are for who signs."""
        if name not in (self.allowed or ()):
            raise ValueError("the algorithm is not one of those that are taken")
        return self.algorithms[name]


def header_of(token: str) -> Mapping[str, Any] | None:
    """The protected header of a compact token, not verified; None when it is none."""
    try:
        header = jws.extract_compact(token.encode("ascii"), registry=_registry("")).protected
    except _UNREADABLE:
        return None
    return header if isinstance(header, dict) else None


def claims_of(token: str, header: Mapping[str, Any], key_set: Mapping[str, Any]) -> dict[str, Any] | None:
    """The claims of a token that a key of the set signed with the algorithm of its `header`; None for any other."""
    algorithm = header["alg"]
    for key in _candidates(key_set, algorithm, header.get("kid")):
        try:
            return jwt.decode(token, key, registry=_registry(algorithm)).claims
        except _UNREADABLE:
            continue
    return None


def _candidates(key_set: Mapping[str, Any], algorithm: str, key_id: object) -> Iterator[PublicKey]:
    """The keys with the token's key id, or all that could be meant where it names none (RFC 7515, 4.1.4)."""
    listed = key_set.get("keys")
    entries: Sequence[Any] = listed if isinstance(listed, list) else ()
    kind = _KIND_OF.get(algorithm[:2])
    meant = [one for one in entries if isinstance(one, dict) and _fits(one, kind, algorithm, key_id)]
    for entry in meant[:MAX_TRIED]:
        try:
            key = import_key(entry)
        except _UNREADABLE:
            continue
        if isinstance(key, RSAKey | ECKey | OKPKey):
            yield key


def _fits(entry: Mapping[str, Any], kind: str | None, algorithm: str, key_id: object) -> bool:
    return (
        entry.get("kty") == kind
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", algorithm) in (algorithm, *(("EdDSA", "Ed25519") if kind == "OKP" else ()))
        and key_id in (None, entry.get("kid"))
    )


def _registry(algorithm: str) -> _Registry:
    return _Registry(algorithms=[algorithm], strict_check_header=False)
