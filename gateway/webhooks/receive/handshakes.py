"""Finishing a provider's handshake: store the secret it hands over, confirm a subscription, give its answer.

What the answer says is decided in `verification`; only what blocks is here.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from gateway.clock import Clock, from_us
from gateway.db.database import Database
from gateway.errors import GatewayError, StorageUnavailable
from gateway.outgoing.document import Fetch
from gateway.security.identifiers import new_id
from gateway.security.sealing import Keyring
from gateway.telemetry.logging import get_logger
from gateway.webhooks.arrival import JSON_TYPE, Answer, refusal
from gateway.webhooks.sources.credentials import seal_credential
from gateway.webhooks.sources.models import Source, SourceCredential
from gateway.webhooks.verification import Handshake


class Handshakes:
    """Carries out what a handshake asks for beyond its answer. Blocks; safe to call from any thread."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock, fetch: Fetch) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._fetch = fetch

    def finish(self, tenant_id: str, source_id: str, handshake: Handshake) -> Answer:
        """Do it, then the handshake's answer; 503 when it could not be done, so that the provider asks again."""
        try:
            if handshake.store_secret is not None:
                self._store(tenant_id, source_id, handshake.store_secret)
            if handshake.fetch is not None:
                self._confirm(source_id, handshake.fetch)
        except StorageUnavailable as error:
            message = "the handshake could not be stored; send it again"
            return refusal(503, error.code, message, retry_after_seconds=error.retry_after_seconds)
        except GatewayError as error:
            get_logger(__name__).warning(
                "handshake not confirmed; the provider will ask again", source_id=source_id, code=error.code
            )
            message = "the confirmation could not be fetched; send it again"
            return refusal(503, "storage_unavailable", message, retry_after_seconds=30)
        return answer_of(handshake)

    def _store(self, tenant_id: str, source_id: str, secret: str) -> None:
        now = from_us(self._clock.now_us())
        with self._database.tenant_session(tenant_id, write=True) as session:
            source = session.scalars(select(Source).where(Source.id == source_id)).one()
            # Only a pending source takes a secret; another request may have brought one a moment ago.
            if not source.pending_handshake:
                return
            sealed = seal_credential(
                self._keyring, tenant_id=tenant_id, source_id=source_id, kind="secret", value=secret
            )
            session.add(
                SourceCredential(
                    id=new_id("crd"), source_id=source_id, kind="secret", sealed_value=sealed, created_at=now
                )
            )
            source.pending_handshake = False
            source.confirmed_at = now
            source.updated_at = now
        get_logger(__name__).info("handshake done; the source now verifies with its secret", source_id=source_id)

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
