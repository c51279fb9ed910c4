"""The API is what it says: its document is complete, and its page of the reference true."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.api.hints import WORDS
from gateway.api.problems import REFUSALS
from gateway.config import Settings
from gateway.factory import create_app
from gateway.installation import Installation
from gateway.tenants.api_keys.scopes import Scope
from tests.contract.test_docs import first_codes
from tests.contract.test_imports import PACKAGE, tree_of
from tests.contract.test_surfaces import hint_actions

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    path = tmp_path_factory.mktemp("api")
    settings = Settings(database_url=f"sqlite:///{path}/none.db", encryption_key_file=path / "key")
    with Installation(settings) as installation:
        answer = create_app(installation).test_client().get("/api/v1/openapi.json")
        assert answer.status_code == 200
        yield answer.get_json()
    # Whoever reads the document needs neither a key nor a database.
    assert not (path / "none.db").exists()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        yield from ((method, path, one) for method, one in methods.items() if method in METHODS)


def test_every_operation_says_everything(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    found = list(operations(document))
    assert len(found) >= 14
    names = [one["operationId"] for _, _, one in found]
    assert sorted(names) == sorted(set(names))
    for method, path, one in found:
        where = f"{method} {path}"
        assert one["summary"].endswith("."), where
        assert one["security"] == [{"apiKey": []}], where
        assert set(one["x-scope"]) <= set(Scope), where
        assert {"401", "403", "422", "429", "503"} <= one["responses"].keys(), where
        for status, answer in one["responses"].items():
            if status in {"200", "201", "202"}:
                [content] = answer["content"].values()
                assert content["example"], where
                assert content["schema"], where
            assert status < "400" or answer == {"$ref": f"#/components/responses/Problem{status}"}, where
        if "requestBody" in one:
            assert one["requestBody"]["content"]["application/json"]["example"], where
        parameters = {parameter["name"] for parameter in one.get("parameters", [])}
        assert (method == "post") == ("Idempotency-Key" in parameters), where
        assert method != "patch" or "If-Match" in parameters, where


def test_examples_show_what_their_schemas_have(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    def resolved(schema: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        return found

    for method, path, one in operations(document):
        for status, answer in one["responses"].items():
            for content in answer.get("content", {}).values():
                schema, example = resolved(content["schema"]), content["example"]
                if "next_cursor" in schema["properties"]:
                    assert example.keys() == {"data", "next_cursor"}
                    schema, [example] = resolved(schema["properties"]["data"]["items"]), example["data"]
                assert example.keys() == schema["properties"].keys(), f"{method} {path} {status}"
                assert schema["required"] == sorted(schema["properties"]), f"{method} {path} {status}"
        body = one.get("requestBody", {}).get("content", {}).get("application/json")
        if body is not None:
            assert body["example"].keys() <= resolved(body["schema"])["properties"].keys(), f"{method} {path}"


def test_every_hint_has_its_words_in_the_api() -> None:
    assert WORDS.keys() == hint_actions()
    for action, words in WORDS.items():
        method, _, path = words.operation.partition(" ")
        assert not words.operation or (method in {"GET", "POST", "PUT", "PATCH", "DELETE"} and path[0] == "/"), action


def test_every_refusal_is_documented() -> None:
    assert {code: int(row[1]) for code, row in first_codes("api.md", "Errors").items()} == dict(REFUSALS)


def test_every_refusal_that_is_raised_is_in_the_table() -> None:
    found = set()
    for path in (PACKAGE / "api").rglob("*.py"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"Refused", "_unauthorized"}:
                found |= {str(one.value) for one in node.args[:1] if isinstance(one, ast.Constant)}
    assert found <= REFUSALS.keys()
    # What HTTP itself refuses is put into our words elsewhere.
    assert REFUSALS.keys() - found == {"bad_request", "method_not_allowed"}


def test_every_scope_is_documented() -> None:
    assert list(first_codes("api.md", "Keys")) == [scope.value for scope in Scope]
