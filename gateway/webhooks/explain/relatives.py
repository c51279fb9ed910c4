"""Mistaken identity: another scheme or version, another provider or product of the vendor, other generic options."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from gateway.errors import Hint
from gateway.providers import Provider
from gateway.webhooks.explain.case import Case
from gateway.webhooks.explain.finding import Cause, Certainty, Finding
from gateway.webhooks.explain.reads import needed_headers, proof_headers, vendor_headers
from gateway.webhooks.explain.trial import Trial
from gateway.webhooks.verification.keys import decode_base64

MAX_PROVIDERS = 400
GENERIC = "generic_hmac"

_HASH_BY_BYTES = {20: "sha1", 32: "sha256", 64: "sha512"}
_PREFIX = re.compile(
    r"(?P<prefix>(?:v\d+|sha-?\d+|hmac-?sha\d+|t|sig|signature)[=,: ]\s*)?(?P<text>.+)", re.ASCII | re.I
)


def scheme_trials(case: Case) -> Iterator[Trial]:
    """The other schemes of the provider, where the source has one chosen."""
    chosen = case.schemes()
    for scheme in case.provider.webhook.schemes:
        if scheme in chosen or scheme.unsigned:
            continue
        yield Trial(
            replace(case, scheme=scheme.id),
            Cause.OTHER_SCHEME,
            f"It was signed by the scheme {scheme.id} of {case.provider.name}; the source takes only "
            f"{' or '.join(one.id for one in chosen) or case.scheme}.",
            f"Set the source to the scheme {scheme.id}, or let {case.provider.name} sign by the other one. The gateway "
            "does not change it by itself: that would let a caller choose the weaker one.",
        )


def provider_trials(case: Case) -> Iterator[Trial]:
    """Other entries of the catalogue that read headers which this request has."""
    came = {name.lower() for name, _value in case.request.headers}
    for provider in list(case.catalogue.values())[:MAX_PROVIDERS]:
        if provider.id == case.provider.id or any(scheme.unsigned for scheme in provider.webhook.schemes):
            continue
        for scheme in provider.webhook.schemes:
            names = needed_headers(scheme)
            if not names or not all(name.lower() in came for name in names):
                continue
            yield Trial(
                replace(case, provider=provider, scheme=scheme.id),
                Cause.OTHER_PROVIDER,
                f"It is signed as {provider.name} does it ({provider.id}), with this source's secret; the source is "
                f"set to {case.provider.name} ({case.provider.id}).",
                "Add a source for it.",
                hints=[_to_add(provider, scheme.id if provider.webhook.choose == "operator" else None)],
            )


def provider_findings(case: Case) -> Iterator[Finding]:
    """Whose headers these are, when the ones of the source's provider did not come."""
    came = {name.lower() for name, _value in case.request.headers}
    if any({name.lower() for name in proof_headers(scheme)} & came for scheme in case.schemes()):
        return
    likely = [provider for provider in case.catalogue.values() if _is_marked(provider, came, case.provider)]
    if not likely:
        return
    names = [f"{provider.name} ({provider.id})" for provider in likely[:3]]
    yield Finding(
        Cause.OTHER_PROVIDER,
        Certainty.LIKELY,
        f"The headers are those of {' or '.join(names)}, and the source is set to {case.provider.name}.",
        "Add a source for it and register its URL there.",
        [f"{provider.id}: {', '.join(sorted(vendor_headers(provider) & came))}" for provider in likely[:3]],
        [_to_add(likely[0])],
    )


def _to_add(provider: Provider, scheme: str | None = None) -> Hint:
    chosen = {} if scheme is None else {"scheme": scheme}
    return Hint("add_source", {"provider": provider.id, **chosen})


def _is_marked(provider: Provider, came: set[str], own: Provider) -> bool:
    """Whether a header came that carries this provider's proof, and is of its own make."""
    if provider.id == own.id:
        return False
    proofs = {name.lower() for scheme in provider.webhook.schemes for name in proof_headers(scheme)}
    return bool((proofs - {"authorization"} - vendor_headers(own)) & came)


def option_trials(case: Case) -> Iterator[Trial]:
    """For the generic entry: every header that could hold a signature, read as it is written."""
    if not any(scheme.function == GENERIC for scheme in case.schemes()):
        return
    for name, value in case.request.headers:
        for options in _readings(name, value):
            changed = {**case.credentials.options, **options}
            if changed == dict(case.credentials.options):
                continue
            yield Trial(
                replace(case, credentials=replace(case.credentials, options=changed)),
                Cause.ALGORITHM,
                f"The signature stands in {name}: {options['hash']}, {options['encoding']}"
                + (f", after {options['prefix']!r}" if options["prefix"] else "")
                + ". The source is set to something else.",
                "Set the options of the source to what the sender does.",
                hints=[Hint("set_options", {"options": options})],
            )


def _readings(name: str, value: str) -> Iterator[Mapping[str, str]]:
    match = _PREFIX.fullmatch(value.strip())
    if match is None:
        return
    for prefix, text in ((match["prefix"] or "", match["text"]), ("", value.strip())):
        for encoding, decode in (("hex", binascii.unhexlify), ("base64", decode_base64)):
            try:
                size = len(decode(text.encode("ascii")))
            except ValueError:
                continue
            if size in _HASH_BY_BYTES:
                yield {"header": name, "prefix": prefix, "encoding": encoding, "hash": _HASH_BY_BYTES[size]}
