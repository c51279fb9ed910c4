"""API keys: made and revoked. What opens is shown once, when the key is made, and kept nowhere."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import select

from gateway.errors import Conflict, Fault, Hint, InvalidInput
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting
from gateway.tenants.api_keys.models import ApiKey
from gateway.tenants.api_keys.scopes import Scope, effective
from gateway.tenants.api_keys.search import require_key
from gateway.tenants.api_keys.summary import KeySummary, summary
from gateway.tenants.api_keys.token import make_token
from gateway.tenants.models import DEFAULT_TENANT

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", re.ASCII)
MOST_SECONDS = 100 * 365 * 86_400
DEFAULT_SCOPES = (Scope.ADMIN,)


@dataclass(frozen=True, slots=True)
class KeyDraft:
    """A key as somebody asks for it. `expires_in` None: it has no end."""

    name: str
    scopes: Sequence[str] = DEFAULT_SCOPES
    expires_in: timedelta | None = None


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key, and the text that opens, to be shown this once."""

    summary: KeySummary
    key: str = field(repr=False)


def create_key(acting: Acting, draft: KeyDraft, *, may_grant: Collection[Scope] = frozenset(Scope)) -> MadeKey:
    """A new key of the tenant. `may_grant` are the scopes of who makes it: nobody gives away more than they have.

    Raises `InvalidInput`, `Conflict` (name).
    """
    found = list(faults(draft, tenant=acting.tenant.slug, may_grant=may_grant))
    if found:
        raise InvalidInput(faults=found)
    session = acting.session
    taken = select(ApiKey.id).where(ApiKey.name == draft.name, ApiKey.revoked_at.is_(None))
    if session.scalar(taken) is not None:
        raise Conflict(f"there is an API key {draft.name!r} already", Hint("revoke_key", {"name": draft.name}))
    key_id = new_id("key")
    text, digest = make_token(key_id)
    key = ApiKey(
        id=key_id,
        tenant_id=session.tenant_id,
        name=draft.name,
        digest=digest,
        scopes=[scope.value for scope in Scope if scope in draft.scopes],
        created_at=acting.now,
        expires_at=None if draft.expires_in is None else acting.now + draft.expires_in,
    )
    session.add(key)
    session.flush()
    made = summary(acting, key)
    acting.audit("api_key.created", key.id, key.name, after=made)
    return MadeKey(made, text)


def revoke_key(acting: Acting, key: str) -> KeySummary:
    """Let a key open nothing any more, for good. Repeating it changes nothing. Raises `NotFound`."""
    row = require_key(acting, key)
    before = summary(acting, row)
    if row.revoked_at is not None:
        return before
    row.revoked_at = acting.now
    acting.session.flush()
    after = summary(acting, row)
    acting.audit("api_key.revoked", row.id, row.name, before=before, after=after)
    return after


def faults(draft: KeyDraft, *, tenant: str, may_grant: Collection[Scope]) -> Iterator[Fault]:
    """Everything that is wrong with `draft`. Pure."""
    if not NAME.fullmatch(draft.name):
        message = (
            f"{draft.name!r} is not a key's name: use 1 to 64 letters, digits, . _ @ and -, first a letter or digit"
        )
        yield Fault("name", "malformed", message, {"pattern": NAME.pattern})
    elif draft.name.startswith("key_"):
        yield Fault("name", "reserved", "names that begin with key_ would be taken for ids of keys")
    known = [scope.value for scope in Scope]
    if not draft.scopes:
        yield Fault("scopes", "missing", "a key without scopes could do nothing", {"allowed": known})
    for index, scope in enumerate(draft.scopes):
        at = f"scopes[{index}]"
        if scope not in known:
            yield Fault(at, "unknown", f"there is no scope {scope!r}; there are {', '.join(known)}", {"allowed": known})
        elif scope == Scope.OPERATOR and tenant != DEFAULT_TENANT:
            message = f"a key for all tenants belongs to the tenant {DEFAULT_TENANT!r}"
            yield Fault(at, "not_allowed", message)
        elif Scope(scope) not in effective([*may_grant]):
            yield Fault(at, "not_allowed", f"who makes a key cannot give it {scope!r} without having it")
    if draft.expires_in is not None and not 0 < draft.expires_in.total_seconds() <= MOST_SECONDS:
        message = "a key opens for more than no time, and at most for 100 years"
        yield Fault("expires_in", "out_of_range", message)
