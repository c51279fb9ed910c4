"""Rejections that are about no signature: size, address, rate, an unknown or disabled source. What each means."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from gateway.webhooks.explain.finding import Cause, Certainty, Diagnosis, Finding, Line
from gateway.webhooks.verification import Reason

SIGNATURE_REASONS = frozenset(reason.value for reason in Reason)

_MEANINGS = {
    "ip_not_allowed": (
        "The source takes requests from certain networks only, and it came from {client}, which is none of them.",
        "If that is the provider, allow its networks (`gateway sources show {slug}` lists them). If it is your own "
        "proxy, set GATEWAY_TRUSTED_PROXIES to the number of proxies, so that the caller's own address counts.",
    ),
    "source_disabled": (
        "The source {slug} is disabled.",
        "Take requests again: gateway sources enable {slug}",
    ),
    "body_too_large": (
        "The body was larger than this gateway takes.",
        "Raise GATEWAY_MAX_BODY_BYTES, or let the provider send less.",
    ),
    "rate_limited": (
        "More came than the source's rate, or than may be fetched for it in a minute, allows.",
        "Providers send it again. If it is regular traffic, raise the source's rate.",
    ),
    "body_incomplete": (
        "The connection ended before the whole body had come.",
        "Look for timeouts and limits of the proxy; the provider will send it again.",
    ),
    "method_not_allowed": (
        "This method carries no event.",
        "Nothing is wrong, unless the provider meant it as a handshake: see `gateway providers show`.",
    ),
    "storage_unavailable": (
        "The gateway could not do its part just then: its database, the provider's keys, or the source's entry in the "
        "catalogue was not to be had.",
        "See `gateway doctor`. The provider was told to send it again.",
    ),
}


def explain_refusal(
    *, reason: str, detail: str | None, slug: str, client: str | None, slugs: Sequence[str], received: Sequence[Line]
) -> Diagnosis:
    """The diagnosis of a rejection for another reason than its signature; `slugs` are the tenant's sources."""
    if reason == "source_unknown":
        near = get_close_matches(slug, slugs, n=1)
        sentence = f"There is no source {slug}" + (f"; there is one named {near[0]}." if near else ".")
        remedy = (
            "Correct the URL at the provider (`gateway sources list` shows the right ones), or add the source: "
            f"gateway sources add {slug} --provider …"
        )
    else:
        meaning = _MEANINGS.get(reason, (f"It was refused: {detail or reason}.", "See `gateway doctor`."))
        sentence, remedy = (text.format(client=client or "an unknown address", slug=slug) for text in meaning)
    finding = Finding(Cause.NOT_A_SIGNATURE, Certainty.PROVEN, sentence, remedy)
    return Diagnosis("", None, False, reason, detail or "", (finding,), (), tuple(received), 0)
