"""What a connect session must be like, as far as it can be told without the database and the catalogue. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.errors import Fault, Hint
from gateway.oauth.flows.return_to import origin, return_fault
from gateway.oauth.flows.sessions.theme import theme_faults

MOST_SCOPES = 200
MOST_SCOPE_CHARACTERS = 512
MOST_REFERENCE_CHARACTERS = 255
# RFC 6749, 3.3; the comma is what some vendors put between scopes.
SCOPE = re.compile(r"[!#-+\--\[\]-~]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class ConnectSessionDraft:
    """A connect session as it is asked for.

    `app_credentials` and `reconnect` are names or ids; without both the customer chooses. `scopes` None: those of the
    app credentials, or those of the connection that is connected anew. `theme` is how pages look. `embed`: the page on
    which the customer chooses is shown in a frame of the application.
    """

    app_credentials: str | None = None
    scopes: Sequence[str] | None = None
    return_to: str | None = None
    reconnect: str | None = None
    reference: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    theme: Mapping[str, str] = field(default_factory=dict)
    embed: bool = False


def faults(draft: ConnectSessionDraft, origins: Collection[str]) -> Iterator[Fault]:
    """Everything that is wrong with `draft`; `origins` are those that the tenant's browsers may be sent back to."""
    yield from scope_faults(draft.scopes)
    if draft.return_to is not None and (fault := return_fault(draft.return_to, origins)) is not None:
        # Not quoted: it may be anybody's text.
        yield Fault(
            "return_to", "malformed", f"return_to {fault}", {"origins": list(origins)}, _allowing(draft, origins)
        )
    if draft.reference is not None and not is_reference(draft.reference):
        message = f"the reference is 1 to {MOST_REFERENCE_CHARACTERS} printable characters"
        yield Fault("reference", "malformed", message, {"at_most": MOST_REFERENCE_CHARACTERS})
    yield from theme_faults(draft.theme)
    if draft.embed:
        yield from _embed_faults(draft)
    if draft.app_credentials is None and draft.reconnect is None:
        for name in ("scopes", "parameters"):
            if getattr(draft, name):
                yield Fault(name, "not_taken", f"{name} belong to app credentials: say which")
        if draft.reference is None:
            yield Fault("reference", "missing", "without app credentials say whose accounts are shown")


def _embed_faults(draft: ConnectSessionDraft) -> Iterator[Fault]:
    if draft.app_credentials is not None or draft.reconnect is not None:
        message = "only the page on which customers choose is embedded, for providers refuse frames: leave out "
        yield Fault("embed", "not_taken", message + "app_credentials and reconnect")
    if draft.return_to is None:
        yield Fault(
            "return_to", "missing", "say where the browser goes back to from the provider: to the page with the frame"
        )


def _allowing(draft: ConnectSessionDraft, origins: Collection[str]) -> Hint | None:
    """How to let browsers be sent to where `draft` says; None where something else is wrong with it."""
    wanted = origin(draft.return_to or "")
    if not wanted or wanted in origins:
        return None
    return Hint("allow_return_origins", {"origins": [*origins, wanted]})


def scope_faults(scopes: Sequence[str] | None) -> Iterator[Fault]:
    """What is wrong with scopes that are asked for."""
    if len(scopes or ()) > MOST_SCOPES:
        yield Fault("scopes", "too_long", f"there are more than {MOST_SCOPES} scopes", {"at_most": MOST_SCOPES})
        return
    for index, scope in enumerate(scopes or ()):
        if len(scope) > MOST_SCOPE_CHARACTERS or not SCOPE.fullmatch(scope):
            message = f"{scope[:80]!r} is no scope: one text without spaces and commas"
            yield Fault(f"scopes[{index}]", "malformed", message)


def is_reference(text: str) -> bool:
    """Whether an application may call its customer so."""
    return 0 < len(text) <= MOST_REFERENCE_CHARACTERS and text.isprintable()
