"""Scopes: what a key may be used for. Which operation needs which is declared with the operation. Pure."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class Scope(StrEnum):
    """One right, within the key's tenant unless it says otherwise."""

    SOURCES_READ = "sources:read"  # see sources
    SOURCES_WRITE = "sources:write"  # add and change them, give them credentials, switch them off and on
    DESTINATIONS_READ = "destinations:read"  # see destinations
    DESTINATIONS_WRITE = "destinations:write"  # add and change them, switch them off and on
    ROUTES_READ = "routes:read"  # see routes, and try them on events
    ROUTES_WRITE = "routes:write"  # add and change them
    EVENTS_READ = "events:read"  # see events with their bodies, follow the stream
    EVENTS_REPLAY = "events:replay"  # deliver events again
    EVENTS_FORGET = "events:forget"  # forget events for good
    DELIVERIES_READ = "deliveries:read"  # see deliveries and their attempts
    DELIVERIES_WRITE = "deliveries:write"  # try them again, cancel them
    JOBS_READ = "jobs:read"  # see jobs with their progress
    JOBS_WRITE = "jobs:write"  # cancel them, have them tried again
    SCHEDULES_READ = "schedules:read"  # see schedules
    SCHEDULES_WRITE = "schedules:write"  # pause and resume them, run them by hand
    REJECTIONS_READ = "rejections:read"  # see what was refused, have it explained
    REJECTIONS_WRITE = "rejections:write"  # take them in as events
    APP_CREDENTIALS_READ = "app-credentials:read"  # see the apps at providers, without their secrets
    APP_CREDENTIALS_WRITE = "app-credentials:write"  # add and change them, give them secrets
    CONNECTIONS_READ = "connections:read"  # see connections and what became of flows
    CONNECTIONS_WRITE = "connections:write"  # have accounts connected, refresh, test and revoke connections
    CONNECTIONS_CALL = "connections:call"  # call providers with a connection's token, through the proxy
    CONNECTIONS_TOKEN = "connections:token"  # noqa: S105  see a connection's access token itself
    INTEGRATIONS_READ = "integrations:read"  # see integrations, their health, sync runs and what is in quarantine
    INTEGRATIONS_WRITE = "integrations:write"  # add and change them, activate, sync, decide what a run holds
    ENTITIES_READ = "entities:read"  # see entities with their history, and conflicts
    ENTITIES_WRITE = "entities:write"  # change entities, and so what external systems have; resolve conflicts
    AUDIT_READ = "audit:read"  # see who did what
    ADMIN = "admin"  # everything above and the tenant's API keys
    OPERATOR = "operator"  # everything, for every tenant, and what belongs to none; keys of the tenant `default` only


def allows(held: Collection[Scope], needed: Collection[Scope]) -> bool:
    """Whether who holds `held` may do what needs all of `needed`."""
    return set(needed) <= effective(held)


def effective(held: Collection[Scope]) -> frozenset[Scope]:
    """`held` with what it includes."""
    if Scope.OPERATOR in held:
        return frozenset(Scope)
    return frozenset(Scope) - {Scope.OPERATOR} if Scope.ADMIN in held else frozenset(held)
