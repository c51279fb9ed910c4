"""Finishing a provider's handshake: store the secret it hands over, confirm a subscription, give its answer.

What the answer says is decided in `verification`; only what blocks is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest

from sqlalchemy import select

from gateway.clock import Clock, from_us
from gateway.db.database import Database
from gateway.errors import DecryptionFailed, GatewayError, StorageUnavailable
from gateway.outgoing.document import Fetch
from gateway.security.identifiers import new_id
from gateway.security.sealing import Keyring
from gateway.telemetry.logging import get_logger
from gateway.webhooks.arrival import JSON_TYPE, Answer, Arrival, refusal
from gateway.webhooks.sources.credentials import DEFAULT_OVERLAP, open_credential, seal_credential
from gateway.webhooks.sources.models import Source, SourceCredential
from gateway.webhooks.sources.rows import SourceView
from gateway.webhooks.sources.schemes import SECRET
from gateway.webhooks.sources.stored import stored_credentials
from gateway.webhooks.verification import Handshake


class Handshakes:
    """Carries out what a handshake asks for beyond its answer. Blocks; safe to call from any thread."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock, fetch: Fetch) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._fetch = fetch

    def finish(self, arrival: Arrival, source: SourceView, handshake: Handshake) -> Answer:
        """Do it, then the handshake's answer; 503 when it could not be done, so that the provider asks again, and 401
        when the source has another secret already.
        """
        try:
            if handshake.store_secret is not None and not self._store(arrival, source, handshake.store_secret):
                return refusal(401, "signature_missing", "this source has a secret, and awaits no other")
            if handshake.fetch is not None:
                self._confirm(source.id, handshake.fetch)
        except StorageUnavailable as error:
            message = "the handshake could not be stored; send it again"
            return refusal(503, error.code, message, retry_after_seconds=error.retry_after_seconds)
        except GatewayError as error:
            get_logger(__name__).warning(
                "handshake not confirmed; the provider will ask again", source_id=source.id, code=error.code
            )
            message = "the confirmation could not be fetched; send it again"
            return refusal(503, "storage_unavailable", message, retry_after_seconds=30)
        return answer_of(handshake)

    def _store(self, arrival: Arrival, source: SourceView, secret: str) -> bool:
        """Whether `secret` is the source's: stored now, or by an earlier request. No other one takes its place then."""
        now, log = from_us(self._clock.now_us()), get_logger(__name__)
        who = {"source_id": source.id, "client_address": arrival.client_address, "request_id": arrival.request_id}
        with self._database.tenant_session(source.tenant_id, write=True) as session:
            # Held until the end, so that of two secrets that come at once the second finds the first.
            row = session.scalars(select(Source).where(Source.id == source.id).with_for_update()).first()
            if row is None:
                return False
            held = (one for one in stored_credentials(session, [row])[row.id] if one.kind == SECRET)
            live = [one for one in held if one.expires_at is None or one.expires_at > now]
            if not row.pending_handshake:
                has_it = any(compare_digest(self._opened(one), secret.encode()) for one in live)
                if not has_it:
                    log.warning("a second secret was handed over, and refused", **who)
                return has_it
            for one in live:
                one.expires_at = min(one.expires_at or now + DEFAULT_OVERLAP, now + DEFAULT_OVERLAP)
            sealed = seal_credential(
                self._keyring, tenant_id=row.tenant_id, source_id=row.id, kind=SECRET, value=secret
            )
            session.add(
                SourceCredential(id=new_id("crd"), source_id=row.id, kind=SECRET, sealed_value=sealed, created_at=now)
            )
            row.pending_handshake = False
            row.confirmed_at = row.updated_at = now
            row.confirmed_from = arrival.client_address or None
            row.confirmed_request_id = arrival.request_id
        log.info("a handshake brought the secret; the source now verifies with it", **who)
        return True

    def _opened(self, row: SourceCredential) -> bytes:
        try:
            return open_credential(self._keyring, row).value.encode()
        except DecryptionFailed:
            return b""

    def _confirm(self, source_id: str, url: str) -> None:
        response = self._fetch(url)
        log = get_logger(__name__)
        if 200 <= response.status < 300:
            log.info("subscription confirmed; events will follow", source_id=source_id)
        else:
            log.warning("subscription not confirmed; subscribe again", source_id=source_id, status=response.status)


def answer_of(handshake: Handshake) -> Answer:
    """The handshake's own answer."""
    content_type, headers = split_content_type(handshake.headers)
    return Answer(handshake.status, handshake.body, content_type, headers)


def split_content_type(headers: Mapping[str, str]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The content type (JSON when none is named), and the other headers."""
    content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), JSON_TYPE)
    return content_type, tuple((name, value) for name, value in headers.items() if name.lower() != "content-type")
