"""A request in the making: places of the catalogue's notation are read from it, and written into it.

Written apart from the verification engine, which it never imports: two readings of the same notation that agree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from gateway.errors import InvalidInput
from gateway.providers.webhook.places import Place

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(slots=True)
class Draft:
    """`document` is the JSON body and `form` the form body, whichever the content type says; `raw` are bytes that stay
    as they are, unless something is written into them. `claims` and `fields` are the token's and the signature header's
    parts; `item` is the batch element in turn.
    """

    url: str
    content_type: str
    method: str = "POST"
    document: Any = None
    form: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    public_key: str = ""
    stamp: str = ""
    message_id: str = ""
    item: Any = None

    def body(self) -> bytes:
        """The bytes that are sent."""
        if self.raw is not None:
            return self.raw
        if self.content_type == FORM:
            return urlencode(self.form).encode()
        return json.dumps(self.document, separators=(",", ":"), ensure_ascii=False).encode()

    def header(self, name: str) -> str | None:
        """The value of a header, whatever the case of its name."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)

    def set_header(self, name: str, value: str) -> None:
        """Write a header, over one of the same name."""
        self.headers = {key: one for key, one in self.headers.items() if key.lower() != name.lower()} | {name: value}

    def get(self, place: Place) -> str | None:
        """The text at a place, None when there is none."""
        parts = urlsplit(self.url)
        match place.kind:
            case "header":
                return self.content_type if place.name == "content-type" else self.header(place.name)
            case "query":
                return (
                    dict(parse_qsl(parts.query, keep_blank_values=True)).get(place.name) if place.name else parts.query
                )
            case "form":
                return self.form.get(place.name)
            case "form_json":
                return _text(_walk(_parsed(self.form.get(place.name, "")), place.path))
            case "json":
                return _text(_walk(self.document if self.item is None else self.item, place.path))
            case "json_key":
                return next((name for name in place.path if name in self.document), None)
            case "claim":
                return _text(_walk(self.claims, place.path))
            case "field":
                return self.fields.get(place.name)
            case "option":
                return self.options.get(place.name)
            case "segment":
                return [segment for segment in parts.path.split("/") if segment][int(place.name)]
            case _:
                return self._plain(place.kind)

    def put(self, place: Place, value: Any) -> None:
        """Write a value to a place. Raises `InvalidInput` where nothing can be written."""
        name = place.text.partition(":")[2].partition("|")[0].rstrip("?")
        match place.kind:
            case "header":
                self.set_header(name, str(value))
            case "query":
                parts = urlsplit(self.url)
                pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != place.name] + [
                    (place.name, str(value))
                ]
                self.url = parts._replace(query=urlencode(pairs)).geturl()
            case "form":
                self.form[place.name] = str(value)
                self.raw = None
            case "form_json":
                document = _placed(_parsed(self.form.get(place.name, "")), place.path, value)
                self.form[place.name] = json.dumps(document, separators=(",", ":"))
                self.raw = None
            case "json":
                self._put_json(place.path, value)
            case "json_key":
                self.document.setdefault(value if value in place.path else place.path[0], {})
            case "claim":
                self.claims = _placed(self.claims, place.path, value)
            case "field":
                self.fields[place.name] = str(value)
            case "content_type":
                self.content_type = str(value)
            case "method":
                self.method = str(value)
            case "segment":
                if self.get(place) != value:
                    raise InvalidInput("the secret is a part of the URL: give the source a slug that is the secret")
            case _:
                raise InvalidInput(f"{place.text} cannot be written into a sample")

    def _put_json(self, path: Sequence[str], value: Any) -> None:
        if self.item is None:
            self.document = _placed(self.document, path, value)
        else:
            _placed(self.item, path, value)
        self.raw = None

    def _plain(self, kind: str) -> str | None:
        parts = urlsplit(self.url)
        return {
            "content_type": self.content_type,
            "host": parts.netloc,
            "id": self.message_id,
            "method": self.method,
            "path": parts.path,
            "public_key": self.public_key,
            "timestamp": self.stamp,
            "url": self.url,
            "url_base": self.url.split("?", 1)[0],
        }.get(kind)


def elements_of(draft: Draft, path: Sequence[str]) -> list[Any]:
    """The elements of the array at a path of the JSON body, which is made with one when it is not there."""
    found = _walk(draft.document, path)
    if not isinstance(found, list):
        draft.document = _placed(draft.document, [*path, "0"], {})
        found = _walk(draft.document, path)
    return list(found)


def element_within(element: Any, path: Sequence[str]) -> Any:
    """What lies at `path` of an element; an object that is made when there is none."""
    found = _walk(element, path)
    if found is None:
        _placed(element, path, {})
        found = _walk(element, path)
    return found


def _parsed(text: str) -> Any:
    return json.loads(text) if text else None


def _walk(value: Any, path: Sequence[str]) -> Any:
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _placed(container: Any, path: Sequence[str], value: Any) -> Any:
    """`container` with `value` at a path; what is missing on the way is made, in place where that is possible."""
    if not path:
        return value
    step, *rest = path
    if step.isdigit():
        found = container if isinstance(container, list) else []
        while len(found) <= int(step):
            found.append({} if rest else None)
        found[int(step)] = _placed(found[int(step)], rest, value)
        return found
    mapping = container if isinstance(container, dict) else {}
    mapping[step] = _placed(mapping.get(step), rest, value)
    return mapping
