"""What a destination must be like: a draft is judged by the SSRF guard's rules, JMESPath and common sense. Pure;
storing it is `management`'s matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gateway.delivery.decisions.expression_check import expression_faults
from gateway.errors import AddressForbidden, Fault, Hint
from gateway.security.ssrf import AddressPolicy
from gateway.security.tokens import SIGNING_SECRET_BYTES, is_signing_secret

# A colon is for the destinations of handlers, which are named `module:function`.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
PRINTABLE = re.compile(r"[\t\x20-\x7e]*")
MAX_SCHEDULE_STEPS = 100
MAX_PAUSE_SECONDS = 30 * 86_400
MAX_TIMEOUT_SECONDS = 300.0
MAX_CONCURRENCY = 10_000
MAX_RATE_PER_SECOND = 1_000_000
MAX_HEADER_VALUE_CHARACTERS = 8_192
MAX_HEADERS = 100
# What every recipient should take (RFC 9110, 4.1).
MAX_URL_CHARACTERS = 8_000

# The gateway writes these itself (DESIGN 3.2), or they belong to the connection (RFC 9110, 7.6.1).
OWN_HEADER_PREFIXES = ("webhook-", "gateway-")
CONNECTION_HEADERS = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "content-type",
    }
)


@dataclass(frozen=True, slots=True)
class DestinationDraft:
    """An HTTP destination as a person asks for it. None means the gateway's default.

    `secret` is the signing secret; None has one made, and keeps the one of a destination that is there.
    """

    name: str
    url: str
    ordering_key: str | None = None
    timeout_seconds: float | None = None
    concurrency: int | None = None
    rate_per_second: float | None = None
    schedule_seconds: Sequence[float] | None = None
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    fatal_statuses: Sequence[int] = ()
    enabled: bool | None = True
    """None: a new one is, and one that is there stays as it is."""
    connection: str | None = None
    """The id of the connection whose token goes along."""
    secret: str | None = field(default=None, repr=False)


def faults(draft: DestinationDraft, policy: AddressPolicy) -> list[Fault]:
    """Everything that is wrong with `draft`, but that it may lead back here: see `loops`."""
    return [
        *_identity_faults(draft, policy),
        *_number_faults(draft),
        *expression_faults("ordering_key", draft.ordering_key, what="the ordering key"),
        *_header_faults(draft.headers, has_connection=draft.connection is not None),
        *secret_faults(draft.secret),
    ]


def secret_faults(secret: str | None) -> Iterator[Fault]:
    """What is wrong with a signing secret that is brought along. It is never quoted."""
    if secret is not None and not is_signing_secret(secret):
        least, most = SIGNING_SECRET_BYTES
        message = f"a signing secret is whsec_ and base64 of {least} to {most} bytes (Standard Webhooks)"
        yield Fault("secret", "malformed", message, hint=Hint("leave_out_secret"))


def _identity_faults(draft: DestinationDraft, policy: AddressPolicy) -> Iterator[Fault]:
    if not NAME.fullmatch(draft.name):
        message = f"{draft.name!r} is not a destination's name: use letters, digits, dots, - and _"
        yield Fault("name", "malformed", message, {"pattern": NAME.pattern})
    if len(draft.url) > MAX_URL_CHARACTERS:
        message = f"the URL is longer than {MAX_URL_CHARACTERS} characters"
        yield Fault("url", "too_long", message, {"at_most": MAX_URL_CHARACTERS})
        return
    try:
        policy.check_url(draft.url)
    except AddressForbidden as error:
        yield Fault("url", "address_forbidden", str(error))


def _number_faults(draft: DestinationDraft) -> Iterator[Fault]:
    if draft.timeout_seconds is not None and not 0 < draft.timeout_seconds <= MAX_TIMEOUT_SECONDS:
        message = f"the timeout must be more than 0 and at most {MAX_TIMEOUT_SECONDS:.0f} seconds"
        yield Fault("timeout", "out_of_range", message, {"more_than": 0, "at_most": MAX_TIMEOUT_SECONDS})
    if draft.concurrency is not None and not 1 <= draft.concurrency <= MAX_CONCURRENCY:
        message = f"the concurrency must be from 1 to {MAX_CONCURRENCY}"
        yield Fault("concurrency", "out_of_range", message, {"at_least": 1, "at_most": MAX_CONCURRENCY})
    if draft.rate_per_second is not None and not 0 < draft.rate_per_second <= MAX_RATE_PER_SECOND:
        message = f"the rate must be more than 0 and at most {MAX_RATE_PER_SECOND} deliveries a second"
        yield Fault("rate", "out_of_range", message, {"more_than": 0, "at_most": MAX_RATE_PER_SECOND})
    steps = draft.schedule_seconds
    if steps is not None and len(steps) > MAX_SCHEDULE_STEPS:
        message = f"the schedule has more than {MAX_SCHEDULE_STEPS} steps"
        yield Fault("schedule", "too_long", message, {"at_most": MAX_SCHEDULE_STEPS})
    if steps is not None and not all(0 <= step <= MAX_PAUSE_SECONDS for step in steps):
        message = f"the schedule has a step outside 0 to {MAX_PAUSE_SECONDS} seconds"
        yield Fault("schedule", "out_of_range", message, {"at_least": 0, "at_most": MAX_PAUSE_SECONDS})
    for status in sorted(set(draft.fatal_statuses)):
        if not 400 <= status <= 599:
            message = f"{status} cannot be fatal: only statuses from 400 to 599 are failures"
            yield Fault("fatal_statuses", "out_of_range", message, {"at_least": 400, "at_most": 599})


def _header_faults(headers: Sequence[tuple[str, str]], *, has_connection: bool) -> Iterator[Fault]:
    if len(headers) > MAX_HEADERS:
        yield Fault("headers", "too_long", f"there are more than {MAX_HEADERS} headers", {"at_most": MAX_HEADERS})
        return
    seen: set[str] = set()
    for name, value in headers:
        lowered = name.lower()
        if not HEADER_NAME.fullmatch(name):
            yield Fault("headers", "malformed", f"{name!r} is not a header's name")
        elif lowered == "authorization" and has_connection:
            yield Fault("headers", "reserved", "the connection's token goes as Authorization: give one of the two")
        elif lowered in CONNECTION_HEADERS or lowered.startswith(OWN_HEADER_PREFIXES):
            yield Fault("headers", "reserved", f"the header {name} is set by the gateway itself")
        elif lowered in seen:
            yield Fault("headers", "duplicate", f"the header {name} is given twice")
        # The value may be a credential: it is never quoted.
        if len(value) > MAX_HEADER_VALUE_CHARACTERS or not PRINTABLE.fullmatch(value):
            message = f"the value of header {name} is too long, or has characters other than ASCII text"
            yield Fault("headers", "malformed", message)
        seen.add(lowered)
