"""What is to be different about a source, and a new credential for it, as somebody asks for them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta

from gateway.kept import KEPT, Kept
from gateway.webhooks.sources.credentials import DEFAULT_OVERLAP
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.schemes import SECRET


@dataclass(frozen=True, slots=True)
class SourceChange:
    """What is to be different about a source. Of its options those that are named; an empty value takes one away.
    `scheme` None: the provider's own choice.
    """

    scheme: str | Kept | None = KEPT
    options: Mapping[str, str] | Kept = KEPT
    allowed_ips: Sequence[str] | Kept = KEPT
    rate_per_second: float | Kept | None = KEPT
    refuse_replays: bool | Kept | None = KEPT
    redeliver_duplicates: bool | Kept = KEPT
    retention_days: int | Kept | None = KEPT

    def of(self, draft: SourceDraft) -> SourceDraft:
        """`draft` with this change."""
        given = {one.name: value for one in fields(self) if (value := getattr(self, one.name)) is not KEPT}
        if "options" in given:
            given["options"] = {name: value for name, value in {**draft.options, **given["options"]}.items() if value}
        return replace(draft, **given)


@dataclass(frozen=True, slots=True)
class CredentialDraft:
    """A new credential as a person asks for it: `value`, or one that is made. The old ones count for `overlap` more."""

    value: str = field(default="", repr=False)
    kind: str = SECRET
    generate: bool = False
    overlap: timedelta = DEFAULT_OVERLAP
