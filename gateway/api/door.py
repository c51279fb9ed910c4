"""What the API of a process shares among its requests, made of the installation when the first one comes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial

from flask import Request, g

from gateway.api.authentication import Authentication, Caller
from gateway.api.problems import Refused
from gateway.api.rates import RequestRates
from gateway.events.live.hub import Guest
from gateway.installation import Installation
from gateway.tenants.acting import Acting, SystemActing, act, act_for_system
from gateway.tenants.api_keys.last_use import LastUse
from gateway.tenants.api_keys.scopes import Scope
from gateway.tenants.api_keys.verification import KeyVerifier
from gateway.tenants.audit import Actor, ActorKind


class Door:
    """One per process: ask `door_of`."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        database, clock = installation.database, installation.clock
        self._verifier = KeyVerifier(database, clock)
        self._authentication = Authentication(self._verifier, clock, installation.metrics.api_refused)
        self._last_use = LastUse(database, clock)
        self.rates = RequestRates(installation.settings.api_requests_per_minute, clock)

    def admit(self, request: Request, needed: Collection[Scope]) -> Caller:
        """Who asks, if they may. Leaves it at `g.caller`, and at `g.standings` what the answer says of the rate.

        Raises `Refused` (401, 403, 429) and `StorageUnavailable`.
        """
        found = self._authentication.caller(request.headers, request.remote_addr or "")
        g.caller, g.require = found, partial(self._authentication.require, found)
        self._last_use.note(found.key.id)
        tenant = found.tenant
        g.standings = self.rates.take(found.key.id, tenant.id, tenant.limits.api_requests_per_second)
        for one in g.standings:
            if one.is_exceeded:
                whose = f"the key {found.key.name!r}" if one.policy.name == "key" else f"the tenant {tenant.slug!r}"
                detail = f"{whose} may send {one.policy.quota} requests in {one.policy.seconds} seconds"
                raise Refused("rate_limited", detail)
        self._authentication.require(found, needed)
        return found

    def guest(self, caller: Caller, needed: Collection[Scope]) -> Guest:
        """The caller as one who listens, for as long as they may do what needs all of `needed`."""
        return Guest(caller.tenant.id, caller.key.id, partial(self._authentication.still_admits, caller, needed))

    @contextmanager
    def acting(self, caller: Caller, *, write: bool = True) -> Iterator[Acting]:
        """A transaction of the caller. Raises `StorageUnavailable`, and `Conflict` as `act`."""
        who, request_id = _actor(caller), g.request_id
        with act(self.installation, actor=who, tenant=caller.tenant, write=write, request_id=request_id) as acting:
            yield acting

    @contextmanager
    def acting_for_system(self, caller: Caller, *, write: bool) -> Iterator[SystemActing]:
        """A transaction of the caller that belongs to no tenant; the same errors."""
        who = _actor(caller)
        with act_for_system(self.installation, actor=who, write=write, request_id=g.request_id) as acting:
            yield acting

    def close(self) -> None:
        """End the threads, and write what is left. Idempotent."""
        self._last_use.close()
        self._verifier.close()


def door_of(installation: Installation) -> Door:
    """The door of `installation`, made when first asked for."""
    return installation.part(Door)


def _actor(caller: Caller) -> Actor:
    return Actor(ActorKind.API_KEY, caller.key.name, caller.key.id, caller.address)


def caller() -> Caller:
    """Who sent the request that is under way."""
    found: Caller = g.caller
    return found


def scopes_of_caller() -> Collection[Scope]:
    """What they may do."""
    return caller().key.scopes


def require_of_caller(needed: Collection[Scope]) -> None:
    """Raises `Refused` (403) unless they may do what needs all of `needed`, beside what the operation declares."""
    g.require(needed)
