"""Signing secrets and extra headers of destinations, sealed and opened: the only place that knows what they are
tied to. Signing with them is the sender's matter, rotating them `destinations`'.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from gateway.clock import to_us
from gateway.delivery.decisions.target import SigningSecret
from gateway.delivery.models import Destination, DestinationSecret
from gateway.errors import DecryptionFailed
from gateway.security.sealing import Keyring

SIGNING_CONTEXT = "signing-secret"
HEADERS_CONTEXT = "headers"


def secret_context(tenant_id: str, destination_id: str) -> Sequence[str]:
    """What a signing secret is tied to."""
    return tenant_id, destination_id, SIGNING_CONTEXT


def headers_context(tenant_id: str, destination_id: str) -> Sequence[str]:
    """What extra headers are tied to."""
    return tenant_id, destination_id, HEADERS_CONTEXT


def seal_secret(keyring: Keyring, *, tenant_id: str, destination_id: str, value: str) -> bytes:
    """`value` (`whsec_…`) as `DestinationSecret.sealed_value` keeps it."""
    return keyring.seal(value.encode("utf-8"), context=secret_context(tenant_id, destination_id))


def open_secret(keyring: Keyring, row: DestinationSecret) -> SigningSecret:
    """The secret of `row`. Raises `DecryptionFailed`."""
    value = keyring.open(row.sealed_value, context=secret_context(row.tenant_id, row.destination_id))
    return SigningSecret(value.decode("utf-8"), None if row.expires_at is None else to_us(row.expires_at))


def open_secrets(
    keyring: Keyring, destination: Destination, rows: Iterable[DestinationSecret]
) -> tuple[SigningSecret, ...]:
    """The secrets among `rows` that belong to `destination`, newest first. Raises `DecryptionFailed`."""
    newest_first = sorted(rows, key=lambda row: row.id, reverse=True)
    return tuple(open_secret(keyring, row) for row in newest_first if row.destination_id == destination.id)


def seal_headers(
    keyring: Keyring, *, tenant_id: str, destination_id: str, headers: Sequence[tuple[str, str]]
) -> bytes | None:
    """`headers` as `Destination.sealed_headers` keeps them; None when there are none."""
    if not headers:
        return None
    document = json.dumps([list(pair) for pair in headers])
    return keyring.seal(document.encode("utf-8"), context=headers_context(tenant_id, destination_id))


def open_headers(keyring: Keyring, destination: Destination) -> tuple[tuple[str, str], ...]:
    """The extra request headers of `destination`, in the order given. Raises `DecryptionFailed`."""
    if destination.sealed_headers is None:
        return ()
    context = headers_context(destination.tenant_id, destination.id)
    document = json.loads(keyring.open(destination.sealed_headers, context=context))
    if not isinstance(document, list):
        raise DecryptionFailed(f"the headers of destination {destination.id} are not a list of pairs")
    return tuple((str(name), str(value)) for name, value in document)
