"""`/integration-types`: what integrations can be made of, with what each type asks for. They belong to no tenant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.declaring import Resource
from gateway.db.paging import Page, PageRequest
from gateway.integrations.schema import TypeSchema
from gateway.integrations.search import TypeSummary, find_types, show_type
from gateway.tenants.acting import Acting

HOME_ASSISTANT: Mapping[str, Any] = {
    "id": "home_assistant",
    "label": "Home Assistant",
    "description": "Entities, states and areas of a home; lamps and the like are switched from here.",
    "providers": [],
    "needs_connection": False,
    "is_live": True,
    "schedule": "15m",
    "attributes": [
        {
            "key": "token",
            "label": "Access token",
            "kind": "secret",
            "help": "a long-lived access token of your profile",
            "required": True,
            "unless_connected": False,
            "secret": True,
            "default": None,
            "minimum": None,
            "maximum": None,
            "choices": [],
            "pattern": None,
            "example": None,
        }
    ],
    "broken": None,
}

resource = Resource("integration-types", "What integrations can be made of. Any key may ask.")


@resource.list("/integration-types", answer=TypeSchema, example=HOME_ASSISTANT)
def list_integration_types(acting: Acting, page: PageRequest) -> Page[TypeSummary]:
    """List integration types, by id."""
    return find_types(acting.installation, page)


@resource.get("/integration-types/<type_id>", answer=TypeSchema, example=HOME_ASSISTANT)
def show_integration_type(acting: Acting, type_id: str) -> TypeSummary:
    """Show an integration type.

    `attributes` are what a form for its integrations has.
    """
    return show_type(acting.installation, type_id)
