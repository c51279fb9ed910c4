"""Out of order: a stored source, destination or route that cannot be loaded as it stands, alone, while all others live.

Which rows are is judged by `webhooks.sources.rows`, `delivery.destinations.rows` and `delivery.routes.rows`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

OUT_OF_ORDER = "out_of_order"
"""The state of such a thing, in a word."""
NOT_LOADED = "not loaded"
"""The state of a handler whose module is not loaded."""
WAITS_FOR_CONNECTION = "waits for its connection"
"""The state of a destination whose connection gives no token."""


class OutOfOrderCode(StrEnum):
    """What keeps a row from being loaded. The words are stable and documented in docs/reference/states.md."""

    PROVIDER_UNKNOWN = "provider_unknown"  # the catalogue has no such provider any more
    SCHEME_UNKNOWN = "scheme_unknown"  # the provider has no such signature scheme any more
    OPTION_MISSING = "option_missing"  # without the option, what any customer of the vendor sends would be accepted
    ADDRESS_GUESSABLE = "address_guessable"  # only its address protects the source, and that can be guessed
    DECRYPTION_FAILED = "decryption_failed"  # no key at hand opens what is sealed
    NETWORK_MALFORMED = "network_malformed"  # an allowed network is none
    URL_MALFORMED = "url_malformed"  # nothing can be sent to the URL
    EXPRESSION_MALFORMED = "expression_malformed"  # a filter, transform or ordering key is not JMESPath
    NOT_LOADED = "not_loaded"  # a handler that the worker does not have
    CONNECTION_BROKEN = "connection_broken"  # the connection that it authenticates with gives no token
    UNREADABLE = "unreadable"  # the row holds what no version of the gateway has written


_STATES = {
    OutOfOrderCode.NOT_LOADED: NOT_LOADED,
    OutOfOrderCode.CONNECTION_BROKEN: WAITS_FOR_CONNECTION,
}


@dataclass(frozen=True, slots=True)
class OutOfOrder:
    """A row that cannot be loaded: `name` is the slug of a source, the name of a destination or route.

    `detail` is a sentence for its operator; it holds no secret.
    """

    id: str
    tenant_id: str
    name: str
    code: OutOfOrderCode
    detail: str

    @property
    def state(self) -> str:
        """In a word."""
        return _STATES.get(self.code, OUT_OF_ORDER)


def in_one_line(text: str) -> str:
    """`text` as a `detail`: messages of libraries may point at a fault over several lines. Pure."""
    return " ".join(text.split())
