"""Refused handshakes: a challenge whose proof is wrong, a secret handed to a source that awaits none."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.errors import Hint
from gateway.webhooks.explain.case import Case
from gateway.webhooks.explain.finding import Cause, Certainty, Finding
from gateway.webhooks.sources.credentials import PENDING_FOR
from gateway.webhooks.verification.conditions import all_hold
from gateway.webhooks.verification.reading import Reading

PENDING_HOURS = round(PENDING_FOR.total_seconds() / 3600)


def greeting_findings(case: Case, detail: str) -> Iterator[Finding]:
    """What is wrong with a request that has the form of an unsigned handshake; `detail` is verification's sentence."""
    name = case.provider.name
    reading = Reading(case.request, case.credentials, case.now)
    reading.greet()
    for handshake in case.provider.webhook.handshakes:
        applies = all_hold(handshake.when)
        if handshake.signed or applies is None or not applies(reading):
            continue
        if handshake.store_secret is not None and case.waited_too_long:
            yield waited_too_long(case)
        elif handshake.store_secret is not None and not case.credentials.pending_handshake:
            yield Finding(
                Cause.HANDSHAKE,
                Certainty.PROVEN,
                f"{name} hands over a new secret (handshake {handshake.id}), and the source does not await one: it "
                "would let any stranger put a secret of theirs into it.",
                "If you have just created the webhook anew, add a new source for it and register the URL of that one.",
                hints=[Hint("add_source", {"provider": case.provider.id})],
            )
        elif handshake.checks:
            options = " and ".join(sorted(case.provider.webhook.handshake_options))
            yield Finding(
                Cause.HANDSHAKE,
                Certainty.PROVEN,
                f"It is the handshake {handshake.id} of {name}, and its proof is wrong: {detail}.",
                f"Enter the same value at {name} and here" + (f": the source's {options}." if options else "."),
            )


def waited_too_long(case: Case) -> Finding:
    """The finding for a source that no longer waits for the secret that its provider hands over."""
    return Finding(
        Cause.HANDSHAKE,
        Certainty.PROVEN,
        f"The source waited {PENDING_HOURS} hours for the secret that {case.provider.name} hands over, and takes none "
        "any more: whoever comes first is believed, so not for ever.",
        f"Start the wait anew: switch the source off and on, then create the webhook at {case.provider.name} anew.",
        hints=[case.hint("disable_source"), case.hint("enable_source")],
    )
