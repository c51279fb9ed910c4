"""One scheme of a provider, compiled: its conditions, its method, its further checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.content import jsontext
from gateway.providers.webhook.model import Scheme
from gateway.providers.webhook.parts import Each
from gateway.webhooks.verification.asymmetric import verify_asymmetric
from gateway.webhooks.verification.checks import checks_of
from gateway.webhooks.verification.conditions import Predicate, all_hold
from gateway.webhooks.verification.functions import FUNCTIONS
from gateway.webhooks.verification.hashes import verify_hash
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import missing
from gateway.webhooks.verification.tokens import verify_basic, verify_token
from gateway.webhooks.verification.values import Text, first_text
from gateway.webhooks.verification.verify import Verify
from gateway.webhooks.verification.webtokens import verify_jwt


@dataclass(frozen=True, slots=True)
class CompiledScheme:
    """`applies` None: always. `signature` reads what would be the signature, to tell "none" from "not for us"."""

    id: str
    applies: Predicate | None
    verify: Verify
    signature: Text | None


def compile_scheme(scheme: Scheme) -> CompiledScheme:
    """A scheme as functions; called once per provider and process."""
    verify = _METHODS[scheme.family](scheme)
    checks = checks_of(scheme.checks)
    if scheme.each is not None:
        verify = _for_each(scheme.each, verify)
    if checks is not None:
        verify = _followed_by(verify, checks)
    part = scheme.signature or scheme.token or scheme.jwt
    return CompiledScheme(scheme.id, all_hold(scheme.when), verify, first_text(part.places) if part else None)


def _followed_by(verify: Verify, checks: Verify) -> Verify:
    def run(reading: Reading) -> None:
        verify(reading)
        reading.prove()
        checks(reading)

    return run


def _for_each(each: Each, verify: Verify) -> Verify:
    """Every element is verified; a body without any proves nothing and is refused."""

    def run(reading: Reading) -> None:
        items = jsontext.walk(reading.document(), each.items)
        if not isinstance(items, list) or not items:
            raise missing(f"json:{'.'.join(each.items)} holds nothing that could be verified")
        signed: tuple[bytes, ...] = ()
        try:
            for item in items:
                reading.item = jsontext.walk(item, each.item)
                if reading.item is jsontext.ABSENT:
                    raise missing("an element of the batch carries nothing that could be verified")
                verify(reading)
                signed += reading.signed
        finally:
            reading.item = jsontext.ABSENT
        reading.signed = signed

    return run


def _unverified(scheme: Scheme) -> Verify:
    """The operator chose to verify nothing; the source's unguessable address is checked elsewhere."""
    return lambda reading: None


def _function(scheme: Scheme) -> Verify:
    return FUNCTIONS[scheme.function or ""](scheme)


_METHODS: Mapping[str, Callable[[Scheme], Verify]] = {
    "hmac": verify_hash,
    "digest": verify_hash,
    "rsa": verify_asymmetric,
    "ecdsa": verify_asymmetric,
    "ed25519": verify_asymmetric,
    "jwt": verify_jwt,
    "token": verify_token,
    "basic": verify_basic,
    "function": _function,
    "none": _unverified,
}
