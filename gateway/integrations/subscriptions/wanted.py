"""What is to be registered: worked out of what is synced, the provider's description and the options. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.entities.options import SyncOptions
from gateway.errors import AddressForbidden, Hint, InvalidInput
from gateway.integrations.registrations import Registration
from gateway.integrations.subscriptions.model import Description, Topic
from gateway.security.loopback import is_loopback
from gateway.security.ssrf import AddressPolicy

_PUBLIC: Final = AddressPolicy(allow_private=False)
# RFC 6762, RFC 8375 and RFC 6761: names that mean something inside of a network only.
_INSIDE: Final = (".local", ".internal", ".home.arpa", ".lan", ".localhost", ".test", ".invalid")

Lists = Sequence[tuple[str, Mapping[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One that is to be there. `values` fill its calls, but for the secret and the instants."""

    key: str
    url: str
    values: Mapping[str, Any]
    path: str
    lifetime_seconds: int | None

    def is_met_by(self, one: Registration) -> bool:
        """Whether it is registered so."""
        kept = {name: value for name, value in one.values.items() if name in self.values}
        return one.url == self.url and kept == dict(self.values)


def require_public(base_url: str, provider: str, integration: str) -> None:
    """Raises `InvalidInput` where no provider can call `base_url`."""
    parts = urlsplit(base_url)
    host = (parts.hostname or "").rstrip(".")
    is_whole = "." in host or ":" in host
    if parts.scheme == "https" and is_whole and not host.endswith(_INSIDE) and not _is_inside(base_url, host):
        return
    reason = "is not https" if parts.scheme != "https" else "cannot be reached from outside"
    raise InvalidInput(
        f"{provider} cannot send webhooks to GATEWAY_BASE_URL, which is {base_url} and {reason}: set it to the public "
        "address, or let the integration register no webhooks (its sync option registers_webhooks)",
        Hint("register_no_webhooks", {"name": integration}),
    )


def wanted(description: Description, lists: Lists, options: SyncOptions, url: str) -> Mapping[str, Wanted]:
    """What is to be registered, by key. Raises `InvalidInput` for a parameter that is missing."""
    by_place: dict[tuple[str, ...], dict[str, Topic]] = {}
    for name, parameters in lists:
        place = _place(description, {**parameters, **options.webhook_parameters})
        chosen = options.webhook_topics or [one.name for one in description.topics.get(name, ())]
        by_place.setdefault(place, {}).update({topic: _topic(description, topic) for topic in chosen})
    if not any(by_place.values()) and description.further:
        place = _place(description, options.webhook_parameters)
        by_place[place] = {one.name: one for one in description.further}
    found: dict[str, Wanted] = {}
    for place, topics in by_place.items():
        for group in [[one] for one in topics.values()] if description.is_by_topic else [[*topics.values()]]:
            if group:
                one = _wanted(description, place, group, url)
                found[one.key] = one
    return found


def _place(description: Description, given: Mapping[str, str]) -> tuple[str, ...]:
    values = {name: given.get(name, default) for name, default in description.parameters.items()}
    missing = [name for name, value in values.items() if value is None]
    if missing:
        message = (
            f"to register webhooks at {description.api}, {' and '.join(missing)} must be known: set the sync option "
            "webhook_parameters"
        )
        raise InvalidInput.at("sync.webhook_parameters", "missing", message)
    return tuple(str(value) for value in values.values())


def _topic(description: Description, name: str) -> Topic:
    """A topic by its name; one that is not described is taken at its word. Behind a colon stands a property."""
    known = {one.name: one for topics in description.topics.values() for one in topics}
    if name in known:
        return known[name]
    plain, _, of = name.partition(":")
    if of and description.target is not None:
        return Topic(name=plain, values={"property": of})
    return Topic(name=name, values={"changes": "created,updated,deleted"} if description.renew is not None else {})


def _wanted(description: Description, place: tuple[str, ...], topics: Sequence[Topic], url: str) -> Wanted:
    first = topics[0]
    names = sorted(one.name for one in topics)
    values: dict[str, Any] = dict(zip(description.parameters, place, strict=True))
    if description.is_by_topic:
        values |= {"topic": first.name, **first.values}
        key = "/".join(filter(None, [*place, first.name, first.values.get("property")]))
    else:
        values["topics"] = names
        key = "/".join(place) or description.api
    path = first.path or description.create.path
    lifetime = first.lifetime_seconds or description.lifetime_seconds
    return Wanted(key=key, url=url, values=values, path=path, lifetime_seconds=lifetime)


def _is_inside(base_url: str, host: str) -> bool:
    if is_loopback(host):
        return True
    try:
        _PUBLIC.check_url(base_url)
    except AddressForbidden:
        return True
    return False
