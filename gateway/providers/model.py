"""A catalogue entry as frozen data: what a provider is, where its facts come from, and its sections.

Providers compare by identity: one entry is loaded once and serves as a cache key. A section is a package of its own:
`webhook` says how a provider signs and delivers, `oauth` how its accounts are connected, `api` how it is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.errors import Hint, InvalidInput
from gateway.providers.api.model import Api
from gateway.providers.later import Later
from gateway.providers.webhook.model import NO_WEBHOOKS, Scheme, Webhook

if TYPE_CHECKING:
    from gateway.providers.oauth.model import OAuth


@dataclass(frozen=True, slots=True)
class Evidence:
    """How an entry was checked.

    `level` is `sdk` (the vendor's SDK accepted such requests), `docs` or `source` (vendor's page or sender code
    read), `secondary` (other people's code or notes) or `ours`. `ids` is `seen` or `general`: whether the places of
    event type and id were seen in a source. Treat `secondary` and `general` as "confirm before relying on it".
    """

    level: str
    by: tuple[str, ...] = ()
    ids: str = "general"


@dataclass(frozen=True, slots=True)
class Option:
    """A value that the operator gives a source, beside its secrets.

    `binds`: it tells the operator's requests from those of the vendor's other customers, where the proof does not.
    """

    about: str
    default: str | None = None
    choices: tuple[str, ...] = ()
    binds: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Provider:
    """One entry of the catalogue. `origin` is the file it came from, by name.

    `webhook` has no scheme where nothing is known of the provider's webhooks; then `api` or `oauth` is there. `docs` is
    empty where no page of the vendor's was read. `ending_events` are the types of its webhooks that tell of the end
    of a grant (`OAuth.ended_by`), for those who need no more of that section.
    """

    id: str
    name: str
    category: str
    docs: str
    evidence: Evidence
    webhook: Webhook = NO_WEBHOOKS
    setup: tuple[str, ...] = ()
    quirks: tuple[str, ...] = ()
    options: Mapping[str, Option] = field(default_factory=dict)
    origin: str = ""
    api: Api | None = None
    connecting: Later[OAuth] | None = None
    ending_events: tuple[str, ...] = ()

    @property
    def oauth(self) -> OAuth | None:
        """How its accounts are connected, made when first asked for; None where nothing is known of that."""
        return self.connecting.get() if self.connecting is not None else None

    @property
    def sends_webhooks(self) -> bool:
        """Whether it is known how it signs, so that a source can be one of its."""
        return bool(self.webhook.schemes)

    def require_webhooks(self) -> None:
        """Raise `InvalidInput` unless it sends webhooks."""
        if not self.sends_webhooks:
            message = f"{self.name} ({self.id}) sends no webhooks that the gateway knows: it can only be called"
            raise InvalidInput.at("provider", "mismatch", message, hint=Hint("use_generic_provider"))

    def scheme(self, scheme_id: str | None = None) -> Scheme:
        """The scheme with this id, or the default (first) one. Raises KeyError when there is none such."""
        for scheme in self.webhook.schemes:
            if scheme_id is None or scheme.id == scheme_id:
                return scheme
        raise KeyError(scheme_id)
