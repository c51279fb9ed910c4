"""A sample for a source of the tenant: chosen, signed with what the source holds, and posted."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import select

from gateway.clock import MICROSECONDS, Clock
from gateway.content import jsontext
from gateway.installation import Installation
from gateway.outgoing import own_gateway
from gateway.providers import find_provider
from gateway.tenants.acting import Acting, Begin
from gateway.webhooks.samples.documents import default_type
from gateway.webhooks.samples.event import SampleRequest, sample_request, unsigned_sample
from gateway.webhooks.samples.signing import Held, Moment, choose_scheme
from gateway.webhooks.sources.credentials import open_credentials
from gateway.webhooks.sources.models import Source
from gateway.webhooks.sources.search import require_source, source_for
from gateway.webhooks.sources.stored import stored_credentials
from gateway.webhooks.sources.summary import source_url

# So soon every process works by what was changed: see `gateway.db.snapshot`.
SETTLED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class PreparedSample:
    """A sample of `event_type` for the source with the slug `source`."""

    source: str
    event_type: str
    request: SampleRequest


@dataclass(frozen=True, slots=True)
class SentSample:
    """A sample that was posted, and what the gateway said."""

    sample: PreparedSample
    reply: own_gateway.Reply

    @property
    def url(self) -> str:
        """Where to, without the query, in which some providers carry their proof."""
        return self.sample.request.url.partition("?")[0]

    @property
    def event_id(self) -> str | None:
        """The event that came of it; None where the answer tells of none."""
        document = jsontext.parse(self.reply.text)
        found = document.get("event_id") if isinstance(document, dict) else None
        return found if isinstance(found, str) else None


def sample_body(installation: Installation, provider_id: str, event_type: str | None = None) -> bytes:
    """The body of a provider's sample, unsigned; None is its first one. Raises `NotFound`, `InvalidInput`."""
    provider = find_provider(installation.catalogue, provider_id)
    provider.require_webhooks()
    chosen = event_type or default_type(provider)
    return unsigned_sample(provider, provider.scheme(), _moment(installation.clock), chosen).body


def require_signable(installation: Installation, provider_id: str) -> None:
    """Raise `InvalidInput` when samples of this provider cannot be signed, whatever a source may hold. `NotFound`."""
    choose_scheme(find_provider(installation.catalogue, provider_id), None, Held())


def prepare_sample(
    acting: Acting,
    provider_id: str,
    event_type: str | None = None,
    *,
    source: str | None = None,
    body: bytes | None = None,
) -> PreparedSample:
    """A sample of `event_type` (None: the provider's first one), signed for `source` (None: the provider's only one).

    `body` is sent instead of the sample's. It is made to be sent, and audited as if it were: whoever asks may be killed
    before that. Raises `NotFound`, `InvalidInput`, `DecryptionFailed`.
    """
    installation = acting.installation
    require_signable(installation, provider_id)
    provider = find_provider(installation.catalogue, provider_id)
    chosen = event_type or default_type(provider)
    row = source_for(acting, provider_id, source)
    opened = open_credentials(installation.keyring, row, stored_credentials(acting.session, [row])[row.id])

    def newest(kind: str) -> str:
        return next(iter(opened.live(kind, acting.now_us)), "")

    held = Held(newest("secret"), newest("username"), newest("password"), newest("public_key"))
    request = sample_request(
        provider,
        choose_scheme(provider, row.scheme, held),
        held,
        _moment(installation.clock),
        event_type=chosen,
        # Some providers sign the URL, as the gateway knows it: that is never the address that is posted to.
        url=source_url(acting, row.slug),
        options=row.options,
        body=body,
    )
    acting.audit("source.tested", row.id, row.slug, after={"type": chosen, "own_body": body is not None})
    return PreparedSample(row.slug, chosen, request)


def named(acting: Acting, name: str) -> tuple[str, str | None]:
    """The provider that `name` means, and the slug where it is that of a source: a source of a provider's own name is
    meant before the provider's other ones. Raises `NotFound`.
    """
    installation = acting.installation
    provider = acting.session.scalar(select(Source.provider).where(Source.slug == name))
    if provider is not None and (provider == name or name not in installation.catalogue):
        return provider, name
    return find_provider(installation.catalogue, name).id, None


def posted_to(request: SampleRequest, base_url: str) -> str:
    """Where `post_sample` sends it, without the query, in which some providers carry their proof."""
    return base_url.rstrip("/") + urlsplit(request.url).path


def post_sample(request: SampleRequest, base_url: str) -> own_gateway.Reply:
    """Send `request` to the gateway at `base_url`, which need not be where the public URL points.

    Raises `InvalidInput` when it cannot be called, `AddressForbidden` when `base_url` is no URL.
    """
    parts = urlsplit(request.url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return own_gateway.call(base_url, request.method, path, headers=dict(request.headers), body=request.body)


def send_to_source(
    begin: Begin,
    source: str,
    event_type: str | None = None,
    *,
    body: bytes | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> SentSample:
    """Sign a sample of the source's provider and post it to this gateway, where its public URL points: after a `pause`
    where the source was changed just now, so that every process knows it as it is.

    Raises as `prepare_sample` and `post_sample`.
    """
    with begin() as acting:
        row = require_source(acting.session, source)
        unsettled_seconds = SETTLED_SECONDS - (acting.now - row.updated_at).total_seconds()
        sample = prepare_sample(acting, row.provider, event_type, source=source, body=body)
        base_url = acting.installation.settings.base_url
    if unsettled_seconds > 0:
        pause(min(unsettled_seconds, SETTLED_SECONDS))
    reply = post_sample(sample.request, base_url)
    return SentSample(sample, reply)


def _moment(clock: Clock) -> Moment:
    return Moment(str(uuid.uuid4()), clock.now_us() // MICROSECONDS)
