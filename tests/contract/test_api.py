"""The API is what it says: its document is complete, and its page of the reference true."""

from __future__ import annotations

import ast
import gzip
import hashlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.api.hints import WORDS
from gateway.api.problems import REFUSALS
from gateway.config import Settings
from gateway.factory import create_app
from gateway.installation import Installation
from gateway.schema_fields import MAY_BE_MISSING
from gateway.tenants.api_keys.scopes import Scope
from tests.contract.test_docs import first_codes
from tests.contract.test_imports import PACKAGE, tree_of
from tests.contract.test_surfaces import hint_actions

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    path = tmp_path_factory.mktemp("api")
    settings = Settings(database_url=f"sqlite:///{path}/none.db", encryption_key_file=path / "key")
    with Installation(settings) as installation:
        yield create_app(installation).test_client()
    # Whoever reads the document needs neither a key nor a database.
    assert not (path / "none.db").exists()


@pytest.fixture(scope="module")
def document(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    again = client.get("/api/v1/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    found: dict[str, Any] = answer.get_json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        yield from ((method, path, one) for method, one in methods.items() if method in METHODS)


def test_every_operation_says_everything(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    found = list(operations(document))
    assert len(found) >= 40
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
                assert answer["content"], where
                for content in answer["content"].values():
                    assert content["example"], where
                    assert content["schema"], where
            assert status < "400" or answer == {"$ref": f"#/components/responses/Problem{status}"}, where
        if "requestBody" in one:
            assert all(content["example"] for content in one["requestBody"]["content"].values()), where
        if path.endswith("/{path}"):
            # What the headers of a request mean is somebody else's matter.
            continue
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
                if "next_cursor" in schema.get("properties", {}):
                    assert example.keys() == {"data", "next_cursor"}
                    schema, [example] = resolved(schema["properties"]["data"]["items"]), example["data"]
                if "properties" not in schema:
                    # Bytes, or a stream.
                    assert isinstance(example, str)
                    continue
                shown = schema["properties"]
                always = {name for name in shown if not shown[name].get(MAY_BE_MISSING)}
                assert always <= example.keys() <= shown.keys(), f"{method} {path} {status}"
                assert schema["required"] == sorted(always), f"{method} {path} {status}"
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


# Of the npm package swagger-ui-dist 5.35.0.
SWAGGER_UI = {
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}


def test_the_page_to_browse_is_served_from_here_and_runs_no_script_inside_it(client: FlaskClient) -> None:
    page = client.get("/api/docs?url=https://example.com/other.json")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    text = page.get_data(as_text=True)
    policy = dict(part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert re.findall(r"<script[^>]*>([^<]*)</script>", text) == ["", ""]
    named = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert len(named) == 5
    assert all(name.startswith("/api/") for name in named)
    for name in named:
        assert client.get(name).status_code == 200, name
    assert "example.com" not in text + client.get("/api/docs/start.js").get_data(as_text=True)
    assert client.get("/api/docs/README.md").status_code == 404


def test_the_files_of_the_page_are_those_of_the_package(client: FlaskClient) -> None:
    for name, digest in SWAGGER_UI.items():
        plain = client.get(f"/api/docs/{name}")
        assert "Content-Encoding" not in plain.headers
        assert hashlib.sha256(plain.data).hexdigest() == digest
        packed = client.get(f"/api/docs/{name}", headers={"Accept-Encoding": "gzip, br"})
        assert (packed.headers["Content-Encoding"], packed.headers["Vary"]) == ("gzip", "Accept-Encoding")
        assert gzip.decompress(packed.data) == plain.data
        assert packed.headers["ETag"] != plain.headers["ETag"]
    assert "Apache License" in (PACKAGE / "api" / "swagger_ui" / "LICENSE").read_text()
