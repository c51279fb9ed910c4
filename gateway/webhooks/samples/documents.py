"""The sample events: one JSON file per provider, by event type, the first one its default; a plain one for all others.

`@id@` stands for an id that is new every time, so that a sample is no duplicate, and `"@now@"` for the time in seconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from gateway.providers import Provider

FOLDER = Path(__file__).parent
DEFAULT_TYPE = "sample.event"

# What the vendor sends beside its proof and what the entry speaks of.
HEADERS: Mapping[str, Mapping[str, str]] = {
    "github": {"User-Agent": "GitHub-Hookshot/sample"},
    "gitlab": {"User-Agent": "GitLab/sample"},
    "shopify": {"X-Shopify-Shop-Domain": "example.myshopify.com", "X-Shopify-API-Version": "2026-01"},
    "slack": {"User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)"},
    "stripe": {"User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)"},
}


@lru_cache(maxsize=64)
def sample_bodies(provider_id: str) -> Mapping[str, Any]:
    """The samples of a provider by event type; empty when there are none."""
    path = FOLDER / f"{provider_id}.json"
    if not provider_id.isascii() or "/" in provider_id or not path.is_file():
        return {}
    bodies: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return bodies


def is_made_up(provider_id: str, event_type: str) -> bool:
    """Whether the provider has samples and none of this type."""
    bodies = sample_bodies(provider_id)
    return bool(bodies) and event_type not in bodies


def default_type(provider: Provider) -> str:
    """The type of the event that is sent when nobody asks for one."""
    return next(iter(sample_bodies(provider.id)), None) or _first_key(provider) or DEFAULT_TYPE


def sample_document(provider: Provider, event_type: str, *, unique_id: str, now_seconds: int) -> Any:
    """The sample of an event; where there is none of this type, a body that is made up."""
    document = sample_bodies(provider.id).get(event_type) or {
        "sample": True,
        "message": f"a sample for {provider.name}",
    }
    text = json.dumps(document).replace("@id@", unique_id).replace('"@now@"', str(now_seconds))
    return json.loads(text)


def _first_key(provider: Provider) -> str | None:
    """Where the type is a key of the body, only some texts are types."""
    names: Sequence[str] = next((place.path for place in provider.webhook.event_type if place.kind == "json_key"), ())
    return names[0] if names else None
