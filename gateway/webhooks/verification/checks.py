"""Further rules that an entry demands of single values: equal to a template, or matching a pattern whole."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Sequence

from gateway.providers.webhook.parts import Check
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import mismatch, missing
from gateway.webhooks.verification.values import bytes_of, message_of


def checks_of(checks: Sequence[Check]) -> Callable[[Reading], None] | None:
    """One function for all checks, which raises Rejected at the first that fails; None when there are none."""
    if not checks:
        return None
    compiled = tuple(_check(check) for check in checks)

    def run(reading: Reading) -> None:
        for check in compiled:
            check(reading)

    return run


def _check(check: Check) -> Callable[[Reading], None]:
    read, fits, name = bytes_of(check.value), _comparison(check), check.value.text

    def run(reading: Reading) -> None:
        if check.if_option is not None and not reading.credentials.options.get(check.if_option):
            return
        value = read(reading)
        if check.if_body and not reading.body:
            if value is not None:
                raise mismatch(f"{name} is there although the body is empty")
            return
        if value is None:
            if check.if_present:
                return
            raise missing(f"{name} is absent")
        if not fits(reading, value):
            raise mismatch(f"{name} is not what this source and this request demand")

    return run


def _comparison(check: Check) -> Callable[[Reading, bytes], bool]:
    if check.equals is not None:
        expect = message_of(check.equals)
        return lambda reading, value: hmac.compare_digest(value, expect(reading))
    pattern = re.compile((check.matches or "").encode())
    return lambda reading, value: pattern.fullmatch(value) is not None
