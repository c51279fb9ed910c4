"""What somebody may ask to have explained: a stored rejection, a request for a source, a request with credentials that
come along. Certificates that the case needs are fetched first, outside of any transaction.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from gateway.clock import to_us
from gateway.errors import InvalidInput
from gateway.installation import Installation
from gateway.providers import find_provider
from gateway.tenants.acting import Begin
from gateway.webhooks.explain.case import Case
from gateway.webhooks.explain.diagnosis import explain
from gateway.webhooks.explain.finding import Diagnosis
from gateway.webhooks.explain.stored import rejected_case, source_case
from gateway.webhooks.material import shared_material
from gateway.webhooks.sources.schemes import possible_schemes
from gateway.webhooks.verification import Credentials, InboundRequest

MAX_URL_CHARACTERS = 8192


def explain_rejection(begin: Begin, rejection_id: str, *, url: str | None = None) -> Diagnosis:
    """Why the rejection was refused; `url` replaces the URL that it came by.

    Raises `NotFound`, `DecryptionFailed`, and `InvalidInput` for a URL that none could be called by.
    """
    if url is not None:
        _require_url(url)
    with begin() as acting:
        case = rejected_case(acting, rejection_id, url=url)
    return case if isinstance(case, Diagnosis) else _explain(acting.installation, case)


def explain_for_source(begin: Begin, slug: str, request: InboundRequest, *, at: datetime | None = None) -> Diagnosis:
    """What the source makes of `request`, which came `at`; None when that is not known.

    Raises `NotFound`, `DecryptionFailed`.
    """
    with begin() as acting:
        case = source_case(acting, slug, request, at=at or acting.now)
    return _explain(acting.installation, replace(case, is_dated=at is not None))


def explain_given(
    installation: Installation,
    provider_id: str,
    request: InboundRequest,
    credentials: Credentials,
    *,
    scheme: str | None = None,
    at: datetime | None = None,
) -> Diagnosis:
    """What `request` is worth as one of the provider's, with these credentials and no source.

    Raises `NotFound`, `InvalidInput` for an unknown scheme.
    """
    provider = find_provider(installation.catalogue, provider_id)
    chosen = possible_schemes(provider, scheme)
    case = Case(
        provider=provider,
        request=request,
        credentials=credentials,
        now=to_us(at or installation.now()) / 1_000_000,
        scheme=chosen[0].id if provider.webhook.choose == "operator" else scheme,
        catalogue=installation.catalogue,
        is_dated=at is not None,
    )
    return _explain(installation, case)


def _explain(installation: Installation, case: Case) -> Diagnosis:
    return explain(_with_material(installation, case))


def _with_material(installation: Installation, case: Case) -> Case:
    """The case with the certificates that it needs, fetched from the pinned hosts; without, when that fails."""
    store = shared_material(installation)
    needed = store.needed(case.provider, case.request, case.credentials, case.scheme)
    if not needed or store.fetch(store.missing(needed), case.source or "") is not None:
        return case
    return replace(case, credentials=store.complete(needed, case.credentials))


def _require_url(url: str) -> None:
    if len(url) > MAX_URL_CHARACTERS:
        raise InvalidInput.at("url", "too_long", f"a URL of more than {MAX_URL_CHARACTERS} characters is no request's")
    try:
        parts = urlsplit(url)
        is_fit = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:
        is_fit = False
    if not is_fit:
        raise InvalidInput.at(
            "url", "malformed", "must be a whole URL, such as https://hooks.example.com/webhooks/shop"
        )
