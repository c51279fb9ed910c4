"""Links of the OpenAPI document: where an answer leads. From what was made, and from a list, to what can be done with
it; from a page to the next one. Made from the paths alone, for every resource alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

METHODS = ("get", "put", "post", "patch", "delete")


def add_links(document: dict[str, Any]) -> None:
    """Complete the answers of a document, in place."""
    for path, methods in document["paths"].items():
        for method in methods.keys() & set(METHODS):
            operation = methods[method]
            for status in ("200", "201"):
                answer = operation["responses"].get(status)
                links = dict(_links(document, path, operation, status)) if answer is not None else {}
                if links:
                    answer["links"] = links


def _links(document: Mapping[str, Any], path: str, operation: Mapping[str, Any], status: str) -> Iterator[Any]:
    shown = _shown(document, operation, status)
    row = shown.get("data", {}).get("items", {}) if "next_cursor" in shown else None
    if row is not None:
        yield operation["operationId"], _link(operation["operationId"], "cursor", "/next_cursor", "The next page.")
    if row is None and status != "201":
        return
    if "id" not in (shown if row is None else _properties(document, row)):
        return
    for method, parameter, one in _of_one(document, path):
        if row is None or method == "get":
            pointer = "/id" if row is None else "/data/0/id"
            yield one["operationId"], _link(one["operationId"], parameter, pointer, one["summary"])


def _of_one(document: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """The operations on one thing of the collection at `path`: method, the name of the parameter, operation."""
    for other, methods in document["paths"].items():
        found = re.fullmatch(re.escape(path) + r"/{(\w+)}(?:/[^{}]+)?", other)
        if found is not None:
            yield from ((method, found[1], methods[method]) for method in METHODS if method in methods)


def _link(operation_id: str, parameter: str, pointer: str, description: str) -> dict[str, Any]:
    expression = f"$response.body#{pointer}"
    return {"operationId": operation_id, "parameters": {parameter: expression}, "description": description}


def _shown(document: Mapping[str, Any], operation: Mapping[str, Any], status: str) -> Mapping[str, Any]:
    content = operation["responses"][status].get("content", {}).get("application/json", {})
    return _properties(document, content.get("schema", {}))


def _properties(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Mapping[str, Any] = document["components"]["schemas"].get(name, schema).get("properties", {})
    return found
