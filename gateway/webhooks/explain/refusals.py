"""Rejections that are about no signature: size, address, rate, an unknown or disabled source. What each means."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple

from gateway.errors import Hint
from gateway.webhooks.explain.finding import Cause, Certainty, Diagnosis, Finding, Line
from gateway.webhooks.verification import Reason

SIGNATURE_REASONS = frozenset(reason.value for reason in Reason) - {Reason.BODY_TOO_LARGE.value}


class _Meaning(NamedTuple):
    """What happened and what to do; `{client}`, `{slug}` and `{detail}` are filled in. `hints` names actions."""

    sentence: str
    remedy: str
    hints: tuple[str, ...] = ()


_MEANINGS = {
    "ip_not_allowed": _Meaning(
        "The source takes requests from certain networks only, and it came from {client}, which is none of them.",
        "If that is the provider, allow its networks. If it is your own proxy, set GATEWAY_TRUSTED_PROXIES to the "
        "number of proxies, so that the caller's own address counts.",
        ("show_source",),
    ),
    "replayed": _Meaning(
        "Its signature is right, and the source {slug} had accepted it before: {detail}. What the signature does not "
        "cover (the delivery id or the type in a header, or a body beside it) was different, so nothing was stored.",
        "Most likely a request that somebody caught was sent again, changed: see who called, and give the source a new "
        "secret if that was not the vendor. If it was, the vendor signs different events alike: let the source take "
        "them.",
        ("show_source", "accept_replays"),
    ),
    "source_disabled": _Meaning("The source {slug} is disabled.", "Take requests again.", ("enable_source",)),
    "source_out_of_order": _Meaning(
        "The source {slug} was out of order: the gateway could not load it as it is stored.",
        "Look at the source for the reason. The provider was told to send it again.",
        ("show_source",),
    ),
    "body_too_large": _Meaning(
        "The body was larger than this gateway takes, or than it reads to find a signature that lies in the body.",
        "Raise GATEWAY_MAX_BODY_BYTES where that is what it says, or let the provider send less. How much is read to "
        "find a signature is the provider's entry's matter: unverified_bytes.",
    ),
    "rate_limited": _Meaning(
        "More came than the source's rate, or than may be fetched for it in a minute, allows.",
        "Providers send it again. If it is regular traffic, raise the source's rate.",
    ),
    "body_incomplete": _Meaning(
        "The connection ended before the whole body had come.",
        "Look for timeouts and limits of the proxy; the provider will send it again.",
    ),
    "method_not_allowed": _Meaning(
        "This method carries no event.",
        "Nothing is wrong, unless the provider meant it as a handshake: compare with what its entry says.",
        ("show_provider",),
    ),
    "storage_unavailable": _Meaning(
        "The gateway could not do its part just then: its database or the provider's keys were not to be had.",
        "Look whether the installation is well. The provider was told to send it again.",
        ("examine_installation",),
    ),
}


_ABOUT_THE_SOURCE = frozenset({"show_source", "enable_source", "accept_replays"})


def explain_refusal(
    *, reason: str, detail: str | None, slug: str, client: str | None, slugs: Sequence[str], received: Sequence[Line]
) -> Diagnosis:
    """The diagnosis of a rejection for another reason than its signature; `slugs` are the tenant's sources."""
    finding = _unknown(slug, slugs) if reason == "source_unknown" else _known(reason, detail, slug, client)
    return Diagnosis("", None, False, reason, detail or "", (finding,), (), tuple(received), 0)


def _unknown(slug: str, slugs: Sequence[str]) -> Finding:
    near = get_close_matches(slug, slugs, n=1)
    return Finding(
        Cause.NOT_A_SIGNATURE,
        Certainty.PROVEN,
        f"There is no source {slug}" + (f"; there is one named {near[0]}." if near else "."),
        "Correct the URL at the provider, or add the source.",
        hints=[Hint("list_sources"), Hint("add_source", {"slug": slug})],
    )


def _known(reason: str, detail: str | None, slug: str, client: str | None) -> Finding:
    otherwise = _Meaning(
        f"It was refused: {detail or reason}.".replace("{", "{{").replace("}", "}}"),
        "Look whether the installation is well.",
        ("examine_installation",),
    )
    meaning = _MEANINGS.get(reason, otherwise)
    known = {"client": client or "an unknown address", "slug": slug, "detail": detail or reason}
    sentence, remedy = (text.format_map(known) for text in (meaning.sentence, meaning.remedy))
    hints = [Hint(action, {"slug": slug} if action in _ABOUT_THE_SOURCE else {}) for action in meaning.hints]
    return Finding(Cause.NOT_A_SIGNATURE, Certainty.PROVEN, sentence, remedy, hints=hints)
