"""What a provider granted, as a flow holds it between its steps; and as text, while a person chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from gateway.oauth.protocol.after import Option
from gateway.oauth.protocol.values import SecondTokens, Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """`kept` is what the callback told beside the tokens' own, `claims` those of a verified ID token, `token_secret`
    that of OAuth 1.0a.
    """

    tokens: Tokens = field(repr=False)
    kept: Mapping[str, str] = field(default_factory=dict)
    claims: Mapping[str, Any] | None = field(default=None, repr=False)
    token_secret: str | None = field(default=None, repr=False)

    @property
    def secrets(self) -> dict[str, str]:
        """What goes into the vault beside the tokens."""
        return {} if self.token_secret is None else {"token_secret": self.token_secret}


def as_data(grant: Grant, options: Sequence[Option]) -> dict[str, Any]:
    """Both as JSON takes them: to be sealed, and never to be shown."""
    return {"grant": asdict(grant), "options": [asdict(option) for option in options]}


def from_data(data: Mapping[str, Any]) -> tuple[Grant, list[Option]]:
    """What `as_data` made."""
    held = dict(data["grant"])
    tokens = dict(held.pop("tokens"))
    second = tokens.pop("second")
    if second is not None:
        second = SecondTokens(**{**second, "scopes": _tuple(second["scopes"])})
    read = Tokens(**{**tokens, "scopes": _tuple(tokens["scopes"])}, second=second)
    return Grant(tokens=read, **held), [Option(**option) for option in data["options"]]


def _tuple(scopes: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if scopes is None else tuple(scopes)
