"""What a use case of a flow is given, and what it leads to: a browser goes on, is asked something, or is at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.oauth.flows.outcomes import Outcome, Refusal
from gateway.providers.oauth.parts import Parameter


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whose browser it is: the digest of its cookie, None where it has none; where from, and by which request."""

    browser: bytes | None
    address: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a form of the connect page asks for: an account by app credentials, or a connection to connect anew."""

    app_credentials_id: str | None = None
    reconnect_id: str | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """The browser goes to the provider."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AskParameters:
    """The customer is asked for these, by a form that carries `token`; `faults` are those of what was given before."""

    provider_id: str
    provider: str
    parameters: Mapping[str, Parameter]
    token: str = field(repr=False)
    given: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    theme: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AskChoice:
    """The customer chooses one of `options` (labels by keys), by a form that carries `token` and the key."""

    provider_id: str
    provider: str
    about: str
    options: Mapping[str, str]
    token: str = field(repr=False)
    return_to: str | None = None
    theme: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a flow. `return_to` None: a page says it. `error` is the provider's code, where it sent one.
    `page` is the id of the session whose connect page it began at.
    """

    outcome: Outcome
    provider: str
    connection_id: str | None = None
    label: str | None = None
    return_to: str | None = None
    error: str | None = None
    page: str | None = None
    theme: Mapping[str, str] = field(default_factory=dict)


Step = Leave | AskParameters | AskChoice | Ending


class FlowRefused(Exception):
    """Nothing was done. Where the browser came from is not known well enough to send it back there."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.value)
