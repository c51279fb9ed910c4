"""What templates of an entry may name at each step (`gateway.providers.oauth.templates`), of a given app. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gateway.oauth.protocol.values import App
from gateway.providers.oauth.templates import filled


def at_start(app: App) -> dict[str, str]:
    """The names that have a value before anybody is connected; none of them is a secret.

    `redirect_uri` is what the provider is told: the callback's URL, or what the entry has in its place (eBay's RuName).
    """
    names = {**app.parameters, "client_id": app.client_id, "gateway_url": app.gateway_url}
    other = filled(app.oauth.redirect_uri, names) if app.oauth.redirect_uri is not None else None
    return {**names, "redirect_uri": other or app.redirect_uri}


def redirect_uri(app: App) -> str:
    """What the provider is told as `redirect_uri`, when a person is sent there and again with the code."""
    return at_start(app)["redirect_uri"]


def with_kept(app: App, kept: Mapping[str, str]) -> App:
    """The app with those of `kept` in the place of the parameters that they replace: Zoho's callback says which data
    centre the person belongs to, and all that follows goes there.

    The values were judged when they were read (`callbacks`).
    """
    replaced = {
        one.replaces: kept[name] for name, one in app.oauth.kept.items() if one.replaces is not None and name in kept
    }
    return replace(app, parameters={**app.parameters, **replaced}) if replaced else app
