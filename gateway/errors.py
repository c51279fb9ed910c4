"""The error tree: every error of ours, with its code and what a caller may do about it.

`code` is the API's code, the metric's label and the log's field. Foreign exceptions are translated into one of
these where they enter, with `from`. Errors, faults and hints are data: no text here or in what is raised speaks of
commands, URLs or pages. Each door says in its own words what a hint means.

    GatewayError
    ├── ConfigurationError        settings, catalogue files and handler modules that cannot be used
    ├── InvalidInput              what a person or program asked for cannot be done as written
    │   ├── NotFound              the thing named does not exist (for this tenant)
    │   ├── Conflict              it exists already, or its state forbids the change
    │   └── IllegalTransition     a state change that the state table does not have
    ├── LimitReached              the tenant has as many of these as it may have
    ├── TooManyListeners          as many listen to events as may
    ├── BodyTooLarge              a body that is passed on has more than may be
    ├── BodyIncomplete            it broke off before its end
    ├── BodyTooSlow               it came too slowly
    ├── StorageUnavailable        the database did not take or give the data; try again
    │   ├── QueueFull             the bounded commit queue is full; try again
    │   └── SchemaBehind          the database's schema is older than this code
    ├── AddressForbidden          the SSRF guard refused an address
    └── DecryptionFailed          a sealed value cannot be opened with the keys at hand
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as defaulting
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Hint:
    """What may help: an action by its name (`add_source`, `did_you_mean`, …) and what it is about.

    The names are stable and documented in docs/reference/errors.md.
    """

    action: str
    parameters: Mapping[str, object] = defaulting(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field of what was asked for.

    `field` is its path (`options.hash`, `sources[0].slug`), empty for the whole. `code` is stable and documented;
    `parameters` are what it is about, for example the values that are allowed. `message` says it in a sentence.
    """

    field: str
    code: str
    message: str
    parameters: Mapping[str, object] = defaulting(default_factory=dict)
    hint: Hint | None = None


class GatewayError(Exception):
    """Root of the tree. `http_status` is the answer's status, `retryable` whether the same call may succeed later."""

    code: ClassVar[str] = "internal_error"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str = "", *hints: Hint) -> None:
        self.hints = hints
        super().__init__(message)


class ConfigurationError(GatewayError):
    """The installation is set up wrongly. `faults` names every fault that was found, one sentence each."""

    code = "configuration_invalid"

    def __init__(self, faults: Sequence[str], *hints: Hint) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(self.faults), *hints)


class InvalidInput(GatewayError):
    """A request that cannot be carried out as written; the message says what to change.

    `faults` has everything that is wrong, where it can be told by field; the message is theirs then.
    """

    code = "invalid_input"
    http_status = 422
    tells_paths: ClassVar[bool] = False
    """Whether a fault means little without the path of its field: where a whole document was given."""

    def __init__(self, message: str = "", *hints: Hint, faults: Sequence[Fault] = ()) -> None:
        self.faults = tuple(faults)
        super().__init__(message or "\n".join(map(self._line, self.faults)), *hints)

    @classmethod
    def at(cls, field: str, code: str, message: str, hint: Hint | None = None) -> InvalidInput:
        """One fault of one field."""
        return cls(faults=[Fault(field, code, message, hint=hint)])

    def _line(self, fault: Fault) -> str:
        return f"{fault.field}: {fault.message}" if self.tells_paths else fault.message


class NotFound(InvalidInput):
    """The named thing does not exist for this tenant."""

    code = "not_found"
    http_status = 404


class Conflict(InvalidInput):
    """The thing exists already, or is in a state that forbids the change."""

    code = "conflict"
    http_status = 409


class IllegalTransition(InvalidInput):
    """The state table has no such step."""

    code = "illegal_transition"
    http_status = 409


class LimitReached(GatewayError):
    """The tenant has as many of these as it may have."""

    code = "limit_reached"
    http_status = 403


class TooManyListeners(GatewayError):
    """As many listen to events as may, for this key, for this tenant, or in this process."""

    code = "too_many_listeners"
    http_status = 429
    retryable = True
    retry_after_seconds: ClassVar[int] = 10


class BodyTooLarge(GatewayError):
    """A body that is passed on as it comes is larger than may be."""

    code = "body_too_large"
    http_status = 413


class BodyIncomplete(GatewayError):
    """The connection ended before the whole body had come."""

    code = "body_incomplete"
    http_status = 400
    retryable = True


class BodyTooSlow(GatewayError):
    """The body came more slowly than is waited for."""

    code = "body_too_slow"
    http_status = 408
    retryable = True


class StorageUnavailable(GatewayError):
    """The database could not store or read; nothing was acknowledged.

    `retry_after_seconds` is a hint for the caller; `connection_lost` says that a fresh connection may work at once.
    """

    code = "storage_unavailable"
    http_status = 503
    retryable = True
    retry_after_seconds: ClassVar[int] = 5

    def __init__(self, message: str, *hints: Hint, connection_lost: bool = False) -> None:
        self.connection_lost = connection_lost
        super().__init__(message, *hints)


class QueueFull(StorageUnavailable):
    """The bounded queue in front of the commit writer is full."""

    code = "storage_unavailable"
    retry_after_seconds = 1


class SchemaBehind(StorageUnavailable):
    """The database is not there yet, or its schema is older than this code."""

    code = "schema_behind"
    retryable = False


class AddressForbidden(GatewayError):
    """An outgoing request was aimed at an address that the SSRF guard does not allow."""

    code = "address_forbidden"
    http_status = 422


class DecryptionFailed(GatewayError):
    """A sealed value cannot be opened: the key is missing from `GATEWAY_ENCRYPTION_KEYS`, or the value was moved."""

    code = "decryption_failed"
