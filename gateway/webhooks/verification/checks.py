"""Further equalities that an entry demands, compared as bytes in constant time."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence

from gateway.providers.model import Check
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
    read, expect, name = bytes_of(check.value), message_of(check.equals), check.value.text

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
        if not hmac.compare_digest(value, expect(reading)):
            raise mismatch(f"{name} is not what this source and this request demand")

    return run
