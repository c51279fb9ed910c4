"""What a shell must fetch before a request can be judged: certificates and key sets that the request points to.

Pure: only URLs that match the entry's pinned host and path, or that stand in the entry itself, are ever named.
Whoever fetches them uses the guarded client, a bounded cache and a rate limit: the caller is not known yet.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.providers.model import Provider
from gateway.providers.webhook.model import Scheme
from gateway.providers.webhook.parts import Jwt
from gateway.webhooks.verification.certificates import certificate_url
from gateway.webhooks.verification.conditions import all_hold
from gateway.webhooks.verification.credentials import Credentials
from gateway.webhooks.verification.functions.truelayer_jws import key_set_of
from gateway.webhooks.verification.jose import protected_header
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import Rejected
from gateway.webhooks.verification.request import InboundRequest
from gateway.webhooks.verification.values import first_text

_TRUELAYER = "truelayer_jws"


@dataclass(frozen=True, slots=True)
class MaterialRequest:
    """One document to fetch.

    `kind` `certificate`: PEM, to be given as `credentials.certs[url]`; `certificates_by_id`: a JSON object of PEM by
    key id, to be merged into `credentials.certs`; `jwks`: a key set, to be given as `credentials.jwks`. `key_id` is
    the key the request names: when a cached document lacks it, fetch once more.
    """

    kind: str
    url: str
    key_id: str | None = None


def material_needed(
    provider: Provider,
    request: InboundRequest,
    *,
    credentials: Credentials | None = None,
    scheme: str | None = None,
    reading: Reading | None = None,
) -> tuple[MaterialRequest, ...]:
    """The documents that `judge` will look for beside `credentials`; empty for nearly all providers. Never raises.

    A `reading` that is given is read from, and can be handed to `judge` afterwards.
    """
    webhook = provider.webhook
    chosen = [entry for entry in webhook.schemes if scheme in (None, entry.id)]
    if scheme is None and webhook.choose == "operator":
        chosen = chosen[:1]
    chosen = [entry for entry in chosen if entry.fetches or entry.function == _TRUELAYER]
    if not chosen:
        return ()
    if reading is None:
        reading = Reading(request, credentials or Credentials(), 0.0, webhook.unverified_bytes)
    found = [material for entry in chosen if (material := _material(entry, reading)) is not None]
    return tuple(dict.fromkeys(found))


def _material(scheme: Scheme, reading: Reading) -> MaterialRequest | None:
    applies = all_hold(scheme.when)
    try:
        if applies is not None and not applies(reading):
            return None
        if scheme.function == _TRUELAYER:
            named = key_set_of(reading)
            return MaterialRequest("jwks", *named) if named is not None else None
        if scheme.key.source == "certificate":
            return MaterialRequest("certificate", certificate_url(scheme.key)(reading))
    except Rejected:
        return None
    if scheme.jwt is None or scheme.jwt.keys_url is None:
        return None
    key_id = _token_key_id(scheme.jwt, reading)
    return MaterialRequest("certificates_by_id", scheme.jwt.keys_url, key_id) if key_id is not None else None


def _token_key_id(jwt: Jwt, reading: Reading) -> str | None:
    try:
        text = first_text(jwt.places)(reading) or ""
    except Rejected:
        return None
    header = protected_header(text.removeprefix(jwt.prefix))
    key_id = header.get("kid") if header is not None else None
    return key_id if isinstance(key_id, str) and key_id.isprintable() and len(key_id) < 256 else None
