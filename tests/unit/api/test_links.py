"""From every answer with an id the document leads to what can be done with it."""

from __future__ import annotations

from typing import Any

from gateway.api.links import add_links


def answer(schema: str) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


def operation(name: str, status: str, schema: str) -> dict[str, Any]:
    return {"operationId": name, "summary": f"{name}.", "responses": {status: answer(schema)}}


def test_links() -> None:
    document: dict[str, Any] = {
        "paths": {
            "/sources": {"get": operation("list", "200", "Page"), "post": operation("add", "201", "Source")},
            "/sources/{source}": {"get": operation("show", "200", "Source"), "parameters": []},
            "/sources/{source}/test": {"post": operation("test", "200", "Sample")},
            "/sources/{source}/rows/{row}": {"get": operation("row", "200", "Source")},
            "/samples": {"post": operation("sample", "201", "Sample")},
        },
        "components": {
            "schemas": {
                "Source": {"properties": {"id": {}}},
                "Sample": {"properties": {"event_id": {}}},
                "Page": {"properties": {"data": {"items": {"$ref": "#/components/schemas/Source"}}, "next_cursor": {}}},
            }
        },
    }
    add_links(document)
    paths = document["paths"]
    assert {
        name: link["parameters"] for name, link in paths["/sources"]["post"]["responses"]["201"]["links"].items()
    } == {"show": {"source": "$response.body#/id"}, "test": {"source": "$response.body#/id"}}
    assert {
        name: link["parameters"] for name, link in paths["/sources"]["get"]["responses"]["200"]["links"].items()
    } == {"list": {"cursor": "$response.body#/next_cursor"}, "show": {"source": "$response.body#/data/0/id"}}
    assert "links" not in paths["/sources/{source}"]["get"]["responses"]["200"]
    assert "links" not in paths["/samples"]["post"]["responses"]["201"]
