"""The providers that can be told where their webhooks go, by the provider of the source.

From the vendors' documentation: GitHub, REST API endpoints for repository webhooks; Stripe, Webhook Endpoints; Shopify,
Admin REST API, Webhook; HubSpot, Webhooks API (2026-03); Google Calendar API, Push notifications; Microsoft Graph,
subscription resource type. Slack's are said in an app's manifest, and not here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.clients.paging.styles import Keyset, LinkHeader, NextUrl
from gateway.integrations.subscriptions.model import Description, Listing, Request, SecretOf, Target, Topic, Unit

_MINUTE: Final = 60
_OUTLOOK_SECONDS: Final = 4_200 * _MINUTE  # at most 4230 minutes
_DIRECTORY_SECONDS: Final = 41_700 * _MINUTE  # at most 41760 minutes
_CHANGES: Final = {"changes": "created,updated,deleted"}
# Of users and groups no creation is told: it comes as an update.
_DIRECTORY: Final = {"changes": "updated,deleted"}


def _named(*names: str) -> Sequence[Topic]:
    return tuple(Topic(name=name) for name in names)


GITHUB: Final = Description(
    api="github",
    source="github",
    parameters={"owner": None, "repo": None},
    create=Request(
        method="POST",
        path="/repos/{owner}/{repo}/hooks",
        body={
            "name": "web",
            "active": True,
            "events": "{topics}",
            "config": {"url": "{url}", "content_type": "json", "secret": "{secret}", "insecure_ssl": "0"},
        },
    ),
    delete=Request(method="DELETE", path="/repos/{owner}/{repo}/hooks/{id}"),
    listing=Listing(
        path="/repos/{owner}/{repo}/hooks",
        query={"per_page": "100"},
        style=LinkHeader(),
        where={"config.url": "{url}", "events": "{topics}"},
    ),
    secret_of=SecretOf.OURS,
    topics={
        "issues": _named("issues", "issue_comment"),
        "pull_requests": _named("pull_request", "pull_request_review"),
        "repositories": _named("repository"),
        "commits": _named("push"),
    },
)
STRIPE: Final = Description(
    api="stripe",
    source="stripe",
    create=Request(
        method="POST",
        path="/webhook_endpoints",
        body={"url": "{url}", "enabled_events[]": "{topics}"},
        is_form=True,
    ),
    delete=Request(method="DELETE", path="/webhook_endpoints/{id}"),
    listing=Listing(
        path="/webhook_endpoints",
        query={"limit": "100"},
        records="data",
        style=Keyset("starting_after", more="has_more"),
        where={"url": "{url}", "enabled_events": "{topics}"},
    ),
    secret_of=SecretOf.THEIRS,
    secret="secret",  # noqa: S106 (the name of a member)
    topics={
        "customers": _named("customer.created", "customer.updated", "customer.deleted"),
        "invoices": _named(
            "invoice.created",
            "invoice.updated",
            "invoice.deleted",
            "invoice.finalized",
            "invoice.paid",
            "invoice.payment_failed",
            "invoice.voided",
        ),
    },
    further=_named("*"),
)
SHOPIFY: Final = Description(
    api="shopify",
    source="shopify",
    is_by_topic=True,
    create=Request(
        method="POST",
        path="/webhooks.json",
        body={"webhook": {"topic": "{topic}", "address": "{url}", "format": "json"}},
    ),
    delete=Request(method="DELETE", path="/webhooks/{id}.json"),
    listing=Listing(
        path="/webhooks.json",
        query={"limit": "250"},
        records="webhooks",
        style=LinkHeader(),
        where={"address": "{url}", "topic": "{topic}"},
    ),
    secret_of=SecretOf.APP,
    id="webhook.id",
    topics={
        "orders": _named("orders/create", "orders/updated", "orders/delete"),
        "products": _named("products/create", "products/update", "products/delete"),
        "customers": _named("customers/create", "customers/update", "customers/delete"),
    },
)
HUBSPOT: Final = Description(
    api="hubspot",
    source="hubspot",
    parameters={"app_id": None},
    is_by_topic=True,
    target=Target(
        read=Request(method="GET", path="/webhooks/2026-03/{app_id}/settings"),
        path="targetUrl",
        write=Request(
            method="PUT",
            path="/webhooks/2026-03/{app_id}/settings",
            body={"targetUrl": "{url}", "throttling": {"maxConcurrentRequests": 10}},
        ),
    ),
    create=Request(
        method="POST",
        path="/webhooks/2026-03/{app_id}/subscriptions",
        body={"eventType": "{topic}", "propertyName": "{property}", "active": True},
    ),
    delete=Request(method="DELETE", path="/webhooks/2026-03/{app_id}/subscriptions/{id}"),
    listing=Listing(
        path="/webhooks/2026-03/{app_id}/subscriptions",
        records="results",
        where={"eventType": "{topic}", "propertyName": "{property}"},
    ),
    secret_of=SecretOf.APP,
    topics={
        "contacts": _named("contact.creation", "contact.deletion"),
        "companies": _named("company.creation", "company.deletion"),
    },
)
GOOGLE: Final = Description(
    api="google",
    source="google-channel",
    parameters={"calendar": "primary"},
    is_by_topic=True,
    create=Request(
        method="POST",
        path="/calendar/v3/calendars/{calendar}/events/watch",
        body={"id": "{new_id}", "type": "web_hook", "address": "{url}", "token": "{secret}"},
    ),
    delete=Request(
        method="POST",
        path="/calendar/v3/channels/stop",
        body={"id": "{id}", "resourceId": "{resource_id}"},
    ),
    # Channels are not listed: one whose creation nobody heard of ends by itself.
    listing=None,
    secret_of=SecretOf.OURS,
    expires="expiration",
    unit=Unit.EPOCH_MS,
    keeps={"resource_id": "resourceId"},
    topics={
        "events": _named("events"),
        "calendars": (Topic(name="calendars", path="/calendar/v3/users/me/calendarList/watch"),),
    },
)
MICROSOFT_GRAPH: Final = Description(
    api="microsoft-graph",
    source="microsoft-graph",
    is_by_topic=True,
    create=Request(
        method="POST",
        path="/subscriptions",
        body={
            "changeType": "{changes}",
            "notificationUrl": "{url}",
            "resource": "{topic}",
            "expirationDateTime": "{expires}",
            "clientState": "{secret}",
        },
    ),
    renew=Request(method="PATCH", path="/subscriptions/{id}", body={"expirationDateTime": "{expires}"}),
    delete=Request(method="DELETE", path="/subscriptions/{id}"),
    listing=Listing(
        path="/subscriptions",
        records="value",
        style=NextUrl('"@odata.nextLink"'),
        where={"notificationUrl": "{url}", "resource": "{topic}"},
        expires="expirationDateTime",
    ),
    secret_of=SecretOf.OURS,
    expires="expirationDateTime",
    topics={
        "messages": (Topic(name="me/messages", values=_CHANGES, lifetime_seconds=_OUTLOOK_SECONDS),),
        "events": (Topic(name="me/events", values=_CHANGES, lifetime_seconds=_OUTLOOK_SECONDS),),
        "users": (Topic(name="users", values=_DIRECTORY, lifetime_seconds=_DIRECTORY_SECONDS),),
        "user_changes": (Topic(name="users", values=_DIRECTORY, lifetime_seconds=_DIRECTORY_SECONDS),),
    },
    # For whatever else somebody names: what the shortest-lived of resources takes.
    lifetime_seconds=60 * _MINUTE,
)

DESCRIPTIONS: Final[Mapping[str, Description]] = {
    one.source: one for one in (GITHUB, STRIPE, SHOPIFY, HUBSPOT, GOOGLE, MICROSOFT_GRAPH)
}
