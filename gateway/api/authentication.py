"""Who asks: the key in `Authorization: Bearer gwk_…`, and the tenant that it acts for. Told from memory.

Wrong keys are counted by address: beyond a minute's number the answer is 429, and nothing is looked up. A key that
opens is taken whatever others of its address have tried.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass

from werkzeug.datastructures import Headers

from gateway.api.problems import Refused
from gateway.clock import Clock
from gateway.tenants.api_keys.scopes import Scope
from gateway.tenants.api_keys.snapshot import KeyView
from gateway.tenants.api_keys.token import read_token
from gateway.tenants.api_keys.verification import KeyVerifier
from gateway.tenants.directory import TenantSummary
from gateway.webhooks.receive.failures import network_of

TENANT_HEADER = "Gateway-Tenant"
WRONG_PER_MINUTE = 20
REMEMBERED = 4096
_PRICE_SECONDS = 60.0 / WRONG_PER_MINUTE


@dataclass(frozen=True, slots=True)
class Caller:
    """A key that opens, the tenant that it acts for, and the client's address."""

    key: KeyView
    tenant: TenantSummary
    address: str


class WrongKeys:
    """Wrong keys by address: `WRONG_PER_MINUTE`, at once or spread. In memory; safe in any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def wait_seconds(self, address: str) -> int | None:
        """How long who comes from `address` has to wait before another wrong key; None: not at all."""
        until, now = self._until.get(network_of(address), 0.0), self._clock.monotonic()
        wait = until - now - (60.0 - _PRICE_SECONDS)
        return math.ceil(wait) if wait > 1e-6 else None

    def count(self, address: str) -> None:
        """A wrong key came from `address`."""
        network, now = network_of(address), self._clock.monotonic()
        with self._lock:
            self._until[network] = max(now, self._until.get(network, 0.0)) + _PRICE_SECONDS
            self._until.move_to_end(network)
            if len(self._until) > REMEMBERED:
                self._until.popitem(last=False)


class Authentication:
    """One per process. `refused` is told the code of each refusal, to be counted."""

    def __init__(self, verifier: KeyVerifier, clock: Clock, refused: Callable[[str], None]) -> None:
        self._verifier = verifier
        self._clock = clock
        self._refused = refused
        self._wrong = WrongKeys(clock)

    def caller(self, headers: Headers, address: str) -> Caller:
        """Who asks. Raises `Refused` (401, 403, 429) and `StorageUnavailable`."""
        try:
            key = self._key(headers.get("Authorization", ""), address)
            return Caller(key, self._tenant(key, headers.get(TENANT_HEADER, "")), address)
        except Refused as error:
            self._refused(error.code)
            raise

    def require(self, caller: Caller, needed: Collection[Scope]) -> None:
        """Raises `Refused` (403) unless the caller may do what needs all of `needed`."""
        missing = [scope.value for scope in needed if scope not in caller.key.scopes]
        if missing:
            self._refused("scope_missing")
            challenge = f'Bearer realm="gateway", error="insufficient_scope", scope="{" ".join(missing)}"'
            detail = f"the key {caller.key.name!r} lacks {' and '.join(missing)}"
            raise Refused("scope_missing", detail, headers=[("WWW-Authenticate", challenge)])

    def still_admits(self, caller: Caller, needed: Collection[Scope]) -> bool:
        """Whether the caller, who was admitted before, would be admitted now. Raises `StorageUnavailable`."""
        key = self._verifier.renewed(caller.key)
        if key is None or not key.is_live(self._clock.now_us()) or not key.scopes >= set(needed):
            return False
        return key.tenant.id == caller.tenant.id or self._verifier.tenant(caller.tenant.slug) is not None

    def _key(self, authorization: str, address: str) -> KeyView:
        scheme, _, text = authorization.partition(" ")
        if not authorization:
            raise _unauthorized("key_missing", "send an API key: Authorization: Bearer gwk_…")
        token = read_token(text.strip()) if scheme.lower() == "bearer" else None
        if token is None or not self._verifier.is_known(token):
            self._require_patience(address)
        key = self._verifier.find(token) if token is not None else None
        if key is None:
            self._require_patience(address)
            self._wrong.count(address)
            raise _unauthorized("key_invalid", "no such API key: it was mistyped, revoked, or never made")
        if not key.is_live(self._clock.now_us()):
            raise _unauthorized("key_expired", "the time of this API key is over")
        return key

    def _require_patience(self, address: str) -> None:
        wait = self._wrong.wait_seconds(address)
        if wait is not None:
            headers = [("Retry-After", str(wait))]
            raise Refused("rate_limited", "too many wrong API keys came from this address", headers=headers)

    def _tenant(self, key: KeyView, wanted: str) -> TenantSummary:
        if not wanted or wanted == key.tenant.slug:
            return key.tenant
        # Who may not act for others is not told whether there are any.
        found = self._verifier.tenant(wanted) if Scope.OPERATOR in key.scopes else None
        if found is None:
            raise Refused("tenant_forbidden", f"the key {key.name!r} does not act for such a tenant")
        return found


def _unauthorized(code: str, detail: str) -> Refused:
    challenge = 'Bearer realm="gateway"' + ("" if code == "key_missing" else ', error="invalid_token"')
    return Refused(code, detail, headers=[("WWW-Authenticate", challenge)])
