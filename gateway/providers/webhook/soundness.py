"""Whether an entry that has the right shape also makes sense, and what its schemes need from the operator.

The rules that span several keys: each method has the parts it works with, nothing is compared that cannot be had,
every option is described. Fail closed: a scheme that could accept without checking anything is a fault.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from gateway.providers.webhook.covered import Covered
from gateway.providers.webhook.model import AnswerRule, Scheme, Webhook
from gateway.providers.webhook.parts import VENDOR, Check, Condition
from gateway.providers.webhook.places import Place, Template, places_of

_PARTS = {
    "hmac": ("signature", "signs"),
    "digest": ("signature", "signs"),
    "rsa": ("signature", "signs"),
    "ecdsa": ("signature", "signs"),
    "ed25519": ("signature", "signs"),
    "jwt": ("jwt",),
    "token": ("token",),
    "basic": (),
    "function": ("function",),
    "none": (),
}
_ASYMMETRIC = ("rsa", "ecdsa", "ed25519")


def with_all_needs(webhook: Webhook, binding: frozenset[str]) -> Webhook:
    """The webhook section with the needs of each of its schemes filled in. `binding` are the options that bind."""
    return replace(webhook, schemes=tuple(with_needs(scheme, binding) for scheme in webhook.schemes))


def with_needs(scheme: Scheme, binding: frozenset[str]) -> Scheme:
    """The scheme with `requires`, `options`, `optional` and `binding` filled in from what it reads.

    An option that binds is needed, also where a check leaves it out when it is not set.
    """
    used = {place.name for place in _places(scheme) if place.kind == "option"}
    optional = {check.if_option for check in scheme.checks if check.if_option} - binding
    return replace(
        scheme,
        requires=_requires(scheme),
        options=(scheme.options | frozenset(used)) - optional,
        optional=frozenset(optional),
        binding=binding & _comparing(scheme),
    )


def faults(
    webhook: Webhook, described: frozenset[str], binding: frozenset[str], functions: Collection[str]
) -> list[str]:
    """What is wrong with a webhook section, one sentence each; `described` are the names under `options`, `binding`
    those of them that bind.
    """
    found = [
        f"schemes.{scheme.id}: {fault}" for scheme in webhook.schemes for fault in _scheme_faults(scheme, functions)
    ]
    ids = [scheme.id for scheme in webhook.schemes]
    found += [
        f"schemes: the id {name!r} is used twice" for name in sorted({name for name in ids if ids.count(name) > 1})
    ]
    for handshake in webhook.handshakes:
        if handshake.store_secret is not None and handshake.signed:
            found.append(f"handshakes.{handshake.id}: a signed handshake cannot bring the secret it is signed with")
        if handshake.answer.is_keyed and not handshake.signed and not any(check.matches for check in handshake.checks):
            # Else anybody could have any body signed with the source's secret, as "challenge".
            found.append(f"handshakes.{handshake.id}: an unsigned handshake that signs needs a check with `matches`")
        if handshake.fetch is not None and not handshake.signed:
            found.append(f"handshakes.{handshake.id}: only a signed handshake may name a URL to fetch")
    if webhook.answer is not None and any(list(places_of(template)) for template in _templates(webhook.answer)):
        found.append("answer: must be plain text; what is answered to every event reads nothing of the request")
    bound = frozenset().union(*(scheme.binding for scheme in webhook.schemes))
    found += [
        f"options: {name!r} binds nothing: no scheme signs it or compares it with what is signed"
        for name in sorted(binding - bound)
    ]
    used = {name for scheme in webhook.schemes for name in scheme.options | scheme.optional} | webhook.handshake_options
    found += [f"options: {name!r} is used but not described" for name in sorted(used - described)]
    return found


def _templates(answer: AnswerRule) -> list[Template]:
    parts = [answer.body, *(answer.json or {}).values(), *answer.headers.values()]
    return [part for part in parts if isinstance(part, Template)]


def _requires(scheme: Scheme) -> frozenset[str]:
    needs: set[str] = set()
    if scheme.family in ("hmac", "digest", "token", "function"):
        needs.add("secret")
    if scheme.family in _ASYMMETRIC and scheme.key.source == "public_key":
        needs.add("public_key")
    if scheme.family == "function" and scheme.key.source == "public_key":
        needs = {"public_key"}
    if scheme.family == "basic":
        needs |= {"username", "password"}
    if scheme.jwt is not None:
        needs |= {"secret": {"secret"}, "jwks": {"jwks"}, "x5c": {"root_certs"}, "google_certs": set()}[scheme.jwt.key]
    if any(place.kind == "public_key" for place in _places(scheme)):
        needs.add("public_key")
    return frozenset(needs)


def _scheme_faults(scheme: Scheme, functions: Collection[str]) -> Iterator[str]:
    for part in _PARTS[scheme.family]:
        if not getattr(scheme, part):
            yield f"{part}: is needed for this method"
    if scheme.function is not None and scheme.function not in functions:
        yield f"function: {scheme.function!r} does not exist; there are {', '.join(sorted(functions))}"
    if scheme.family in _ASYMMETRIC and scheme.key.source == "secret":
        yield "key: this method needs {public_key: …} or {certificate: …, host: …}"
    if scheme.family in ("hmac", "digest") and scheme.key.source != "secret":
        yield "key: this method needs a secret"
    if scheme.is_vendor_wide and not scheme.binding and not scheme.bound_by_address:
        yield (
            "its proof is the same for all customers of the vendor: compare what is signed with an option that "
            "`binds`, or say `bound_by: address` where nothing that is signed names the customer"
        )
    if scheme.jwt is not None and scheme.jwt.key != "jwks" and scheme.jwt.of != VENDOR:
        yield "jwt.of: only a key set can be each customer's own"
    if scheme.bound_by_address and (scheme.binding or not scheme.is_vendor_wide):
        yield "bound_by: only for a proof that is the same for all customers of the vendor, and that no option binds"
    if scheme.key.source == "certificate" and not scheme.key.host:
        yield "key.host: a certificate named by the request needs a pattern for its host"
    if scheme.signature is not None and not scheme.signature.places:
        yield "signature: needs `in` or `any`"
    if scheme.signature is not None and scheme.signature.take is not None and not scheme.signature.pair:
        yield "signature.pair: is needed with `take`"
    signed = {place.kind for template in scheme.signs for place in places_of(template)}
    if "timestamp" in signed and scheme.timestamp is None:
        yield "timestamp: is part of what is signed, but not described"
    if "id" in signed and not scheme.message_id:
        yield "message_id: is part of what is signed, but not described"
    if any(not Covered(scheme).covers(place) for place in scheme.nonce):
        yield "nonce: is not part of what is signed, so that anybody could make up another"
    if scheme.family == "digest" and "secret" not in signed:
        yield "signs: a digest without {secret} proves nothing"
    if scheme.signs and not signed - {"timestamp", "id", "secret", "option"}:
        yield "signs: covers nothing of the request"


def _places(scheme: Scheme) -> Iterator[Place]:
    for template in scheme.signs:
        yield from places_of(template)
    if scheme.signature is not None and scheme.signature.take is not None:
        yield from places_of(scheme.signature.take)
    for check in _checks(scheme):
        yield check.value
        if check.equals is not None:
            yield from places_of(check.equals)
    yield from (condition.place for condition in _conditions(scheme))


def _comparing(scheme: Scheme) -> frozenset[str]:
    """The options that are signed, or that something which is signed must equal."""
    covered = Covered(scheme)
    compared = [check.equals for check in _checks(scheme) if not check.if_present and covered.covers(check.value)]
    signed = (place for template in (*scheme.signs, *filter(None, compared)) for place in places_of(template))
    return frozenset(place.name for place in signed if place.kind == "option")


def _checks(scheme: Scheme) -> tuple[Check, ...]:
    return scheme.checks + (scheme.jwt.checks if scheme.jwt is not None else ())


def _conditions(scheme: Scheme) -> tuple[Condition, ...]:
    return scheme.when
