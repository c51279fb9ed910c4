"""Sources, destinations and routes: which of them cannot be loaded as they are stored, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from gateway.delivery.destinations.loader import load_destinations
from gateway.delivery.destinations.rows import DestinationDefaults
from gateway.delivery.routes.loader import load_routing
from gateway.doctor.check import CheckResult, Level
from gateway.installation import Installation
from gateway.out_of_order import NOT_LOADED, OutOfOrder
from gateway.providers import Provider
from gateway.security.sealing import Keyring
from gateway.webhooks.receive.snapshot import load_sources

# With a lost key everything is out of order: so many of a kind are named, the others counted.
NAMED = 50


def configuration(
    installation: Installation, keyring: Keyring | None, providers: Mapping[str, Provider]
) -> Iterator[CheckResult]:
    """One result for each that is out of order, or one that says that none is. Raises `StorageUnavailable`.

    `keyring` is None where there is no key at hand.
    """
    now_us = installation.clock.now_us()
    with installation.database.system_session() as session:
        destinations = load_destinations(session, keyring, DestinationDefaults(), now_us=now_us)
        routing = load_routing(session, destinations, ())
        sources, broken = load_sources(session, routing.tenants, keyring, providers, now_us=now_us)
    results = [
        *_results("sources", [one.out_of_order for one in broken.values()], routing.tenants),
        *_results("destinations", routing.destinations_out_of_order.values(), routing.tenants),
        *_results("routes", routing.routes_out_of_order.values(), routing.tenants),
    ]
    if results:
        yield from results
        return
    routes = sum(1 for some in routing.by_source.values() for _ in some)
    detail = f"in order: {len(sources)} sources, {len(routing.targets)} destinations, {routes} routes"
    yield CheckResult("configuration", Level.OK, detail)


def _results(name: str, found: Iterable[OutOfOrder], tenants: Mapping[str, str]) -> Iterator[CheckResult]:
    left = iter(found)
    for one in islice(left, NAMED):
        tenant = tenants.get(one.tenant_id, one.tenant_id)
        if one.state == NOT_LOADED:
            yield CheckResult(name, Level.WARN, f"{one.name} of tenant {tenant} is not loaded: {one.detail}")
        else:
            detail = f"{one.name} of tenant {tenant} is out of order: {one.code}: {one.detail}"
            yield CheckResult(name, Level.FAIL, detail)
    more = sum(1 for _ in left)
    if more:
        yield CheckResult(name, Level.FAIL, f"{more} more are out of order")
