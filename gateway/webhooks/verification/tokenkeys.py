"""The keys that a JSON Web Token may be signed with: secrets, a key set, Google's certificates, a chain to a root."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, RSAKey

from gateway.content import jsontext
from gateway.providers.webhook.model import Scheme
from gateway.providers.webhook.parts import Jwt
from gateway.webhooks.verification.certificates import chain_key, is_valid_at, load_certificate
from gateway.webhooks.verification.jose import TokenKey
from gateway.webhooks.verification.keys import PublicKey, secrets_of
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import malformed, mismatch
from gateway.webhooks.verification.verify import jwt_of

TokenKeys = Callable[[Reading, Mapping[str, object]], list[TokenKey]]

# A key must be of the kind that its algorithm is for: a public key as HMAC secret is the classic forgery.
_KIND_BY_ALGORITHM: dict[str, type[OctKey] | type[RSAKey] | type[ECKey]] = {"H": OctKey, "R": RSAKey, "E": ECKey}


def keys_of(scheme: Scheme) -> TokenKeys:
    """The keys to try for a token with a given protected header; raises Rejected when there is none."""
    jwt = jwt_of(scheme)
    if jwt.key == "secret":
        secrets = secrets_of(scheme.key)
        return lambda reading, header: _from_secrets(secrets(reading.credentials))
    if jwt.key == "jwks":
        return _from_key_set
    if jwt.key == "google_certs":
        return _from_certificates
    return lambda reading, header: _from_chain(reading, header, jwt)


def _from_secrets(secrets: Sequence[bytes]) -> list[TokenKey]:
    """HMAC keys of the secrets. One that is a public key in disguise is refused: everybody has it."""
    keys: list[TokenKey] = []
    for secret in secrets:
        try:
            # Without `import_key`, which warns about short secrets on every request: their length is the vendor's.
            keys.append(OctKey(OctKey.binding.import_from_bytes(secret), secret))
        except ValueError:
            continue
    if not keys:
        raise mismatch("the source's secret is a public key, which cannot be a shared secret")
    return keys


def _from_key_set(reading: Reading, header: Mapping[str, object]) -> list[TokenKey]:
    listed = (reading.credentials.jwks or {}).get("keys")
    found = select_jwks(listed, header)
    if not found:
        raise mismatch("the source's key set has no key with the token's key id")
    return found


def read_key_set(text: str) -> list[object]:
    """The keys in a JSON Web Key Set (RFC 7517), or the one that `text` is; empty when it is neither."""
    document = jsontext.parse(text)
    if not isinstance(document, dict):
        return []
    keys = document.get("keys", [document])
    return [key for key in keys if isinstance(key, dict) and _import(key) is not None] if isinstance(keys, list) else []


def select_jwks(listed: object, header: Mapping[str, object]) -> list[TokenKey]:
    """The keys of a JWKS list that a token may be signed with: by key id, or the only one when it names none."""
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    key_id = header.get("kid")
    if key_id is not None:
        entries = [entry for entry in entries if entry.get("kid") == key_id]
    elif len(entries) > 1:
        return []
    algorithm = str(header.get("alg"))
    entries = [
        entry for entry in entries if entry.get("alg") in (None, algorithm) and entry.get("use") in (None, "sig")
    ]
    keys = [key for entry in entries if (key := _import(entry)) is not None]
    return [key for key in keys if isinstance(key, _KIND_BY_ALGORITHM[algorithm[:1]])]


def _from_certificates(reading: Reading, header: Mapping[str, object]) -> list[TokenKey]:
    text = reading.credentials.certs.get(str(header.get("kid")))
    certificate = load_certificate(text) if text else None
    if certificate is None or not is_valid_at(certificate, reading.now):
        raise mismatch("there is no valid certificate for the token's key id")
    key = token_key(certificate.public_key())
    if not isinstance(key, RSAKey):
        raise mismatch("the certificate's key is not of the kind that the token's algorithm is for")
    return [key]


def _from_chain(reading: Reading, header: Mapping[str, object], jwt: Jwt) -> list[TokenKey]:
    chain = header.get("x5c")
    if not isinstance(chain, list) or not all(isinstance(text, str) for text in chain):
        raise malformed("the token carries no certificate chain")
    public_key = chain_key(chain, reading.credentials.root_certs, jwt.oids, reading.now)
    key = token_key(public_key) if public_key is not None else None
    if not isinstance(key, ECKey):
        raise mismatch(
            "the token's certificate chain does not end in a root of the source, or lacks the vendor's marks"
        )
    return [key]


def token_key(public_key: object) -> TokenKey | None:
    """A public key as joserfc wants it."""
    if not isinstance(public_key, PublicKey):
        return None
    pem = public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for kind in (RSAKey, ECKey):
        try:
            return kind.import_key(pem)
        except (JoseError, ValueError, TypeError):
            continue
    return None


def _import(entry: Mapping[str, object]) -> TokenKey | None:
    kinds: dict[object, type[RSAKey] | type[ECKey]] = {"RSA": RSAKey, "EC": ECKey}
    kind = kinds.get(entry.get("kty"))
    if kind is None:
        return None
    try:
        return kind.import_key({name: value for name, value in entry.items() if isinstance(value, str)})
    except (JoseError, ValueError, TypeError, KeyError):
        return None
