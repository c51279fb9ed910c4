"""What is to be different about app credentials, as somebody asks for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from gateway.kept import KEPT, Kept
from gateway.oauth.app_credentials.draft import AppDraft
from gateway.oauth.vault import CLIENT_SECRET, PRIVATE_KEY


@dataclass(frozen=True, slots=True)
class AppChange:
    """What is to be different. Of the parameters those that are named, an empty value takes one away; scopes are
    replaced, None are the entry's.
    """

    client_id: str | Kept = KEPT
    parameters: Mapping[str, str] | Kept = KEPT
    scopes: Sequence[str] | Kept | None = KEPT

    def of(self, draft: AppDraft) -> AppDraft:
        """`draft` with this change."""
        given = {one.name: value for one in fields(self) if (value := getattr(self, one.name)) is not KEPT}
        if "parameters" in given:
            merged = {**draft.parameters, **given["parameters"]}
            given["parameters"] = {name: value for name, value in merged.items() if value}
        return replace(draft, **given)


@dataclass(frozen=True, slots=True)
class NewSecrets:
    """Secrets that take the place of those that there are; None stays as it is."""

    client_secret: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)

    @property
    def by_field(self) -> Mapping[str, str]:
        """Those that are given."""
        given = {CLIENT_SECRET: self.client_secret, PRIVATE_KEY: self.private_key}
        return {name: value for name, value in given.items() if value is not None}
