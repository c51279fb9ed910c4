"""Systems that are told where their webhooks go, as six vendors are: what is registered, and what they refuse.

Shapes: docs.github.com, docs.stripe.com, shopify.dev, developers.hubspot.com, developers.google.com (Calendar) and
learn.microsoft.com (Graph). Each answers an empty list for whatever is synced of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.clock import FakeClock, from_us
from tests.services.json_server import Asked, Said

TOKEN = "token-of-the-vendor"
# At most so long, by what the subscription is to; Graph's own table.
GRAPH_LASTS = {"users": timedelta(minutes=41_760), "me/messages": timedelta(minutes=4_230)}


@dataclass
class Vendor:
    """One. `hooks` by their ids here. `before` answers in place of the vendor where it returns something, `made` is
    called when one was made and nobody knows yet. Each call takes a second of the clock: no client waits for the
    rate that a vendor allows.
    """

    clock: FakeClock
    hooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    before: Callable[[Asked], Said | None] = lambda _asked: None
    made: Callable[[], None] = lambda: None
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __call__(self, asked: Asked) -> Said:
        self.clock.advance(1)
        self.asked.append(f"{asked.method} {asked.path}")
        instead = self.before(asked)
        if instead is not None:
            return instead
        proof = asked.headers.get("authorization"), asked.headers.get("x-shopify-access-token")
        if proof not in ((f"Bearer {TOKEN}", None), (None, TOKEN)):
            return Said(401, {"message": "Bad credentials"})
        return self.answer(asked, asked.path.strip("/").split("/"))

    def answer(self, asked: Asked, path: list[str]) -> Said:
        raise NotImplementedError

    @property
    def now(self) -> datetime:
        return from_us(self.clock.now_us())

    @property
    def calls(self) -> list[str]:
        """What was asked of registrations since the last look, reading apart."""
        found = [one for one in self.asked if not one.startswith("GET")]
        self.asked.clear()
        return found

    def make(self, hook: Mapping[str, Any], **given: Any) -> dict[str, Any]:
        made = {"id": f"h{next(self.numbers)}", **hook, **given}
        self.hooks[str(made["id"])] = made
        self.made()
        return made

    def drop(self, hook_id: str, missing: int = 404) -> Said:
        return Said(204) if self.hooks.pop(hook_id, None) else Said(missing, {"message": "Not Found"})


class GitHub(Vendor):
    """Hooks of repositories."""

    def answer(self, asked: Asked, path: list[str]) -> Said:
        if "hooks" not in path:
            return Said(200, {"full_name": "octo/hello"} if len(path) == 3 else [])
        repository = "/".join(path[1:3])
        if asked.method == "DELETE":
            return self.drop(path[-1])
        mine = [one for one in self.hooks.values() if one["of"] == repository]
        if asked.method == "GET":
            at = int(asked.query.get("page", "1")) - 1
            more = {"Link": f'<{asked.url}{asked.path}?page={at + 2}>; rel="next"'} if at + 1 < len(mine) else {}
            # The smallest pages that there are: whoever does not turn them finds nothing.
            return Said(200, [_without_secret(one) for one in mine[at : at + 1]], more)
        wanted = asked.document
        same = [one for one in mine if one["config"]["url"] == wanted["config"]["url"]]
        if any(set(one["events"]) & set(wanted["events"]) for one in same):
            return Said(422, {"message": "Validation Failed: Hook already exists on this repository"})
        return Said(201, _without_secret(self.make(wanted, of=repository, id=next(self.numbers))))


class Stripe(Vendor):
    """Endpoints, whose secrets are told once."""

    def answer(self, asked: Asked, path: list[str]) -> Said:
        if path[0] != "webhook_endpoints":
            return Said(200, {"data": [], "has_more": False})
        if asked.method == "DELETE":
            return self.drop(path[-1])
        if asked.method == "GET":
            found = [{key: one[key] for key in one.keys() - {"secret"}} for one in self.hooks.values()]
            return Said(200, {"data": found, "has_more": False})
        events = asked.document["enabled_events[]"]
        made = self.make({"url": asked.document["url"], "enabled_events": events})
        made["secret"] = f"whsec_of_{made['id']}"
        return Said(200, made)


class Shopify(Vendor):
    """Subscriptions, each to one topic, whose webhooks the app's secret signs."""

    def answer(self, asked: Asked, path: list[str]) -> Said:
        if path[0] not in {"webhooks.json", "webhooks"}:
            return Said(200, {path[-1].removesuffix(".json"): []})
        if asked.method == "DELETE":
            return self.drop(path[-1].removesuffix(".json"))
        if asked.method == "GET":
            return Said(200, {"webhooks": list(self.hooks.values())})
        wanted = asked.document["webhook"]
        if any((one["topic"], one["address"]) == (wanted["topic"], wanted["address"]) for one in self.hooks.values()):
            return Said(422, {"errors": {"address": ["for this topic has already been taken"]}})
        return Said(201, {"webhook": self.make(wanted)})


class HubSpot(Vendor):
    """Subscriptions of an app, which has one address for all."""

    target: str | None = None

    def answer(self, asked: Asked, path: list[str]) -> Said:
        if path[0] != "webhooks":
            return Said(200, {"results": []})
        if path[3] == "settings":
            if asked.method == "PUT":
                self.target = asked.document["targetUrl"]
            return Said(200, {"targetUrl": self.target}) if self.target else Said(404, {"message": "none"})
        if asked.method == "DELETE":
            return self.drop(path[-1])
        if asked.method == "GET":
            return Said(200, {"results": list(self.hooks.values())})
        return Said(201, self.make(asked.document))


class Google(Vendor):
    """Channels of a calendar: they end, are neither renewed nor listed, and stopped by two ids."""

    lasts = timedelta(days=7)

    def answer(self, asked: Asked, path: list[str]) -> Said:
        if path[-1] == "stop":
            channel = self.hooks.get(asked.document["id"])
            is_one = channel is not None and channel["resourceId"] == asked.document.get("resourceId")
            return self.drop(asked.document["id"]) if is_one else Said(404, {"error": {"message": "not found"}})
        if path[-1] != "watch":
            return Said(200, {"items": [], "nextSyncToken": "t"})
        wanted = asked.document
        if wanted["id"] in self.hooks:
            return Said(400, {"error": {"message": "Channel id not unique"}})
        ends = int((self.now + self.lasts).timestamp() * 1000)
        made = self.make(wanted, resourceId=f"r{next(self.numbers)}", expiration=str(ends), of=asked.path)
        return Said(200, _without(made, "token", "address"))


class Graph(Vendor):
    """Subscriptions, which are renewed or end."""

    def answer(self, asked: Asked, path: list[str]) -> Said:
        if path[0] != "subscriptions":
            return Said(200, {"value": []})
        for one in [one for one in self.hooks.values() if _instant(one["expirationDateTime"]) <= self.now]:
            del self.hooks[one["id"]]
        if asked.method == "DELETE":
            return self.drop(path[-1])
        if asked.method == "GET":
            return self._list(asked)
        if asked.method == "PATCH" and path[-1] not in self.hooks:
            return Said(404, {"error": {"code": "ResourceNotFound", "message": "not found"}})
        resource = (asked.document if asked.method == "POST" else self.hooks[path[-1]])["resource"]
        if not self.now < _instant(asked.document["expirationDateTime"]) <= self.now + GRAPH_LASTS[resource]:
            return Said(400, {"error": {"code": "InvalidRequest", "message": "expirationDateTime"}})
        if asked.method == "PATCH":
            self.hooks[path[-1]] |= asked.document
            return Said(200, _without(self.hooks[path[-1]], "clientState"))
        return Said(201, self.make(asked.document))

    def _list(self, asked: Asked) -> Said:
        at = int(asked.query.get("at", "0"))
        page = [_without(one, "clientState") for one in list(self.hooks.values())[at : at + 1]]
        more = {"@odata.nextLink": f"{asked.url}/subscriptions?at={at + 1}"} if at + 1 < len(self.hooks) else {}
        return Said(200, {"value": page, **more})


def _without(hook: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in hook.items() if name not in names}


def _without_secret(hook: Mapping[str, Any]) -> dict[str, Any]:
    return {**hook, "config": {**hook["config"], "secret": "********"}}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
