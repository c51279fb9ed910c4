"""The styles of revocation as calls: what each sends, and who it says is calling. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.providers.oauth.parts import Call
from gateway.providers.oauth.parts_schema import CallPartSchema

_TOKEN = {"token": "{token}"}
# By style: who calls (as in a call's `authentication`), the body's format, the body.
STYLES: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "rfc7009": ("like_token", "form", {**_TOKEN, "token_type_hint": "{token_type_hint}"}),
    "token_only": ("nobody", "form", _TOKEN),
    "token_and_client_id": ("none", "form", _TOKEN),
    "token_and_client_secret": ("client_secret_post", "form", _TOKEN),
    "bearer": ("token", "form", {}),
    "json": ("like_token", "json", _TOKEN),
    "form": ("like_token", "form", {}),
    "json_or_form": ("like_token", "form", _TOKEN),
}


def revocation_call(style: str, data: dict[str, Any]) -> Call | None:
    """The request of `style`, with what the entry says otherwise, which is taken out of `data`."""
    if style == "none":
        return None
    authentication, kind, body = STYLES[style]
    return CallPartSchema.call(data, method="POST", format=kind, body=body, authentication=authentication)
