"""`judge`: one request, one verdict. Pure: no network, no clock, no Flask, and nothing raised on any bytes.

Entries are compiled once into functions (`compiled_provider`); a request only runs them: unsigned handshakes,
verification, signed handshakes, then type, id and batch. JSON is looked at before verification only where the scheme's
own conditions or signed text lie in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from gateway.providers.model import Provider
from gateway.providers.webhook.model import Webhook
from gateway.webhooks.verification.credentials import Credentials
from gateway.webhooks.verification.events import Identify, Split, identified_by, split_of, typed_by
from gateway.webhooks.verification.generic import specialised
from gateway.webhooks.verification.handshakes import CompiledHandshake, compile_handshake
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import Rejected, malformed, missing
from gateway.webhooks.verification.request import InboundRequest
from gateway.webhooks.verification.schemes import CompiledScheme, compile_scheme
from gateway.webhooks.verification.verdict import Reason, SignedText, Verdict

# Which rejection is told when several schemes were tried: the one that came nearest to acceptance.
_NEARNESS = {
    Reason.SIGNATURE_MISSING: 0,
    Reason.SIGNATURE_MALFORMED: 1,
    Reason.TIMESTAMP_MISSING: 2,
    Reason.SIGNATURE_MISMATCH: 3,
    Reason.TIMESTAMP_OUT_OF_TOLERANCE: 4,
    Reason.BODY_TOO_LARGE: 5,
}


@dataclass(frozen=True, slots=True)
class CompiledProvider:
    """A provider, compiled for one choice of scheme."""

    verify: Callable[[Reading], str]
    greetings: tuple[CompiledHandshake, ...]
    signed_handshakes: tuple[CompiledHandshake, ...]
    event_type: Identify
    event_id: Identify
    split: Split | None
    bodiless: frozenset[str]


def judge(
    provider: Provider,
    request: InboundRequest,
    credentials: Credentials,
    *,
    now: float,
    scheme: str | None = None,
    reading: Reading | None = None,
) -> Verdict:
    """Decide whether a request is authentic, and what it is.

    `now` is seconds since the epoch. `scheme` names the configured scheme where the operator chooses one; then only
    that one counts, and None means the provider's default (first). For providers whose requests show their scheme,
    None admits all whose conditions hold. `reading` is what `material_needed` has read of the same request already.
    Never raises: what cannot be judged is rejected.

    A vendor that signs for all of its customers alike is bound to one of them by the options that the scheme calls
    `binding`: whoever judges Amazon SNS without `topic_arn` takes any account's topic, which a source never does.
    """
    if reading is None:
        reading = reading_of(provider, request, credentials, now=now)
    reading.credentials = credentials
    try:
        compiled = compiled_provider(specialised(provider, credentials.options), scheme)
        return _run(compiled, reading)
    except Rejected as rejected:
        return Verdict(False, rejected.reason, detail=rejected.detail)
    except Exception as error:  # fail closed: whatever a stranger's bytes set off is a rejection, never a crash
        return Verdict(False, Reason.SIGNATURE_MALFORMED, detail=f"could not be judged ({type(error).__name__})")


def reading_of(provider: Provider, request: InboundRequest, credentials: Credentials, *, now: float) -> Reading:
    """What `material_needed` and `judge` share, so that nothing is parsed twice. Nothing is read yet."""
    return Reading(request, credentials, now, provider.webhook.unverified_bytes)


@lru_cache(maxsize=1024)
def compiled_provider(provider: Provider, scheme_id: str | None) -> CompiledProvider:
    """Compile a provider for one choice of scheme. Raises Rejected when it has no such scheme (fail closed)."""
    webhook = provider.webhook
    schemes = _chosen(webhook, scheme_id)
    key = provider.scheme(scheme_id).key
    handshakes = [(entry.signed, compile_handshake(entry, key)) for entry in webhook.handshakes]
    return CompiledProvider(
        verify=_single(schemes[0]) if len(schemes) == 1 else _any_of(schemes),
        greetings=tuple(handshake for signed, handshake in handshakes if not signed),
        signed_handshakes=tuple(handshake for signed, handshake in handshakes if signed),
        event_type=typed_by(webhook.event_type),
        event_id=identified_by(webhook.event_id),
        split=split_of(webhook.batch) if webhook.batch is not None else None,
        bodiless=frozenset(scheme.id for scheme in webhook.schemes if scheme.bodiless),
    )


def _run(compiled: CompiledProvider, reading: Reading) -> Verdict:
    if compiled.greetings:
        reading.greet()
        for greeting in compiled.greetings:
            if greeting.recognises(reading):
                reading.verify()
                return Verdict(False, handshake=greeting.answer(reading))
        reading.verify()
    scheme_id = compiled.verify(reading)
    has_body = scheme_id not in compiled.bodiless
    if not has_body:
        reading.drop_body()
    reading.accept()
    handshake = None
    for candidate in compiled.signed_handshakes:
        if candidate.recognises(reading):
            handshake = candidate.answer(reading)
            break
    events = compiled.split(reading) if compiled.split is not None else ()
    event_type, event_id = compiled.event_type(reading), compiled.event_id(reading)
    signed = SignedText(reading.signed) if reading.signed else None
    return Verdict(
        True, None, event_type, event_id, events, handshake, "", scheme_id, has_body, signed, reading.leaves_out
    )


def _chosen(webhook: Webhook, scheme_id: str | None) -> list[CompiledScheme]:
    """The schemes that may accept: one that is named or the operator's default, else all of them."""
    schemes = webhook.schemes
    if scheme_id is not None:
        schemes = tuple(scheme for scheme in schemes if scheme.id == scheme_id)
    elif webhook.choose == "operator":
        schemes = schemes[:1]
    if not schemes:
        raise malformed(f"the provider has no scheme {scheme_id!r}")
    return [compile_scheme(scheme) for scheme in schemes]


def _single(scheme: CompiledScheme) -> Callable[[Reading], str]:
    applies, check, scheme_id = scheme.applies, scheme.verify, scheme.id
    if applies is not None:
        return _any_of([scheme])

    def verify(reading: Reading) -> str:
        check(reading)
        return scheme_id

    return verify


def _any_of(schemes: list[CompiledScheme]) -> Callable[[Reading], str]:
    """Any scheme whose conditions hold may accept; of several rejections the nearest miss is told."""

    def verify(reading: Reading) -> str:
        nearest: Rejected | None = None
        for scheme in schemes:
            if scheme.applies is not None and not scheme.applies(reading):
                continue
            try:
                scheme.verify(reading)
            except Rejected as rejected:
                reading.signed = ()
                if nearest is None or _NEARNESS[rejected.reason] > _NEARNESS[nearest.reason]:
                    nearest = rejected
            else:
                return scheme.id
        raise nearest or _inapplicable(schemes, reading)

    return verify


def _inapplicable(schemes: list[CompiledScheme], reading: Reading) -> Rejected:
    if any(scheme.signature is not None and scheme.signature(reading) for scheme in schemes):
        return malformed("there is a signature, but no scheme of the provider is meant for such a request")
    return missing("there is no signature, and no scheme of the provider is meant for such a request")
