"""Names in braces, filled in. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.integrations.subscriptions.model import Request

_NAME = re.compile(r"\{(\w+)\}", re.ASCII)


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """`template` with its names filled in; members whose value is None are left out."""
    if isinstance(template, Mapping):
        made = {name: filled(one, values) for name, one in template.items()}
        return {name: one for name, one in made.items() if one is not None}
    if not isinstance(template, str):
        return template
    whole = _NAME.fullmatch(template)
    if whole is not None:
        return values.get(whole[1])
    return _NAME.sub(lambda match: str(values.get(match[1], "")), template)


def names_in(path: str) -> Sequence[str]:
    """The names in a path."""
    return _NAME.findall(path)


def content_of(request: Request, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the call carries, as options of a client: JSON, or the fields of a form."""
    if request.body is None:
        return {}
    body = filled(request.body, values)
    if not request.is_form:
        return {"json": body}
    return {"form": [(name, str(one)) for name, value in body.items() for one in _several(value)]}


def _several(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else (value,)
