"""The OpenAPI document (3.1): made of what is declared, by flask-smorest and apispec. Nothing is served here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from flask import Flask, Response
from flask_smorest import Api, Blueprint
from marshmallow import Schema, fields

from gateway.api.authentication import TENANT_HEADER
from gateway.api.declaring import Operation, Resource
from gateway.api.hint_schema import HintSchema
from gateway.api.hints import PREFIX
from gateway.api.links import add_links
from gateway.api.problems import CONTENT_TYPE
from gateway.api.replays import HEADER as IDEMPOTENCY_HEADER
from gateway.api.serving import query_schema
from gateway.events.live.listening import LAST_EVENT_ID
from gateway.schema_fields import MAY_BE_MISSING, Age, BodyBase64, BodyText, Instant, Moment, Text

SECURITY = "apiKey"

DESCRIPTION = """\
Everything that the command line does to one tenant's sources, destinations, routes, events and deliveries.

**Keys.** `gateway keys create NAME` makes the first one. Send it as `Authorization: Bearer gwk_…`. An operation says in
`x-scope` which scopes it needs; `admin` has all of its tenant, `operator` all of every tenant.

**Errors** are problem details (RFC 9457) with a stable `code`; `errors` says each field's fault by its JSON pointer.

**Lists** take `limit` and `cursor`; `next_cursor` goes on, and is null at the end.

**Twice without harm.** Mark a POST with `Idempotency-Key`: sent again within 24 hours, it is answered as before.

**No lost update.** A GET gives an `ETag`; PUT and PATCH of a thing want it in `If-Match`.

**Limits.** Every answer says in `RateLimit` how many requests are left; 429 and 503 say when to come again.
"""

# Fields of ours that are texts, with the format of the text.
STRINGS = {Instant: "date-time", Moment: "date-time", Text: None, Age: None, BodyText: None, BodyBase64: "byte"}
# What may be refused, by status: in words, and with an example's code.
PROBLEMS: Mapping[int, tuple[str, str]] = {
    400: ("The body is not JSON, or the request not HTTP as it should be.", "json_malformed"),
    401: ("No API key came, or one that does not open.", "key_invalid"),
    403: ("The key lacks a scope, or acts for another tenant.", "scope_missing"),
    404: ("There is no such thing, for this tenant.", "not_found"),
    409: ("It is there already, its state forbids the change, or the same request is under way.", "conflict"),
    412: ("It was changed since it was read.", "precondition_failed"),
    413: ("The body is too large.", "body_too_large"),
    415: ("The body is not JSON by its Content-Type, or compressed.", "media_type_unsupported"),
    422: ("What is asked for cannot be done as written: `errors` says why.", "invalid_input"),
    428: ("If-Match is missing.", "precondition_required"),
    429: ("Too many requests of this key, or too many wrong keys of this address.", "rate_limited"),
    503: ("The database cannot be used now. Nothing was changed.", "storage_unavailable"),
}
# Of what somebody else answers.
FORWARDED_PROBLEMS: Mapping[int, tuple[str, str]] = {
    400: ("The connection ended before the whole body had come.", "body_incomplete"),
    408: ("The body came too slowly.", "body_too_slow"),
    502: ("The provider did not answer, or not as HTTP should be.", "connection_failed"),
    504: ("The provider did not answer in time.", "deadline_exceeded"),
}


class FaultSchema(Schema):
    """What is wrong with one field: `pointer` into the body, or the name of a `parameter`."""

    pointer = fields.String(metadata={"description": "JSON pointer (RFC 6901) into the body"})
    parameter = fields.String(metadata={"description": "a parameter of the path or the query, or a header"})
    code = fields.String()
    detail = fields.String()
    parameters = fields.Dict()
    hint = fields.Nested(HintSchema)


class ProblemSchema(Schema):
    """Why a request was refused (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True)
    detail = fields.String(required=True)
    request_id = fields.String(required=True)
    errors = fields.List(fields.Nested(FaultSchema))
    hints = fields.List(fields.Nested(HintSchema))


def write(resources: Sequence[Resource]) -> bytes:
    """The document, as JSON. What it is made by is let go of: it takes more memory than all that serves."""
    app = Flask("gateway.api.document", static_folder=None)
    api = describe(app)
    for resource in resources:
        blueprint = Blueprint(resource.name, __name__, url_prefix=PREFIX, description=resource.about)
        for operation in resource.operations:
            view = documented(blueprint, operation, _unserved)
            blueprint.add_url_rule(operation.path, operation.id, view, methods=[operation.method])
        api.register_blueprint(blueprint)
    return json.dumps(complete(api.spec.to_dict())).encode()


def describe(app: Flask) -> Api:
    """The document of `app`, without its operations yet."""
    app.config |= {"API_TITLE": "Gateway", "API_VERSION": "v1", "OPENAPI_VERSION": "3.1.0"}
    api = Api(app, spec_kwargs={"info": {"description": DESCRIPTION}})
    # Errors are described by status, with each operation.
    api.DEFAULT_ERROR_RESPONSE_NAME = None
    for kind, mapped in STRINGS.items():
        api.register_field(kind, "string", mapped)
    components = api.spec.components
    components.security_scheme(SECURITY, {"type": "http", "scheme": "bearer", "description": "An API key, `gwk_…`."})
    components.schema("Problem", schema=ProblemSchema)
    for status, (words, code) in {**PROBLEMS, **FORWARDED_PROBLEMS}.items():
        components.response(f"Problem{status}", _problem(status, words, code))
    for name, header in HEADERS.items():
        components.header(name, header)
    return api


def documented(blueprint: Blueprint, operation: Operation, view: Callable[..., Response]) -> Callable[..., Response]:
    """`view` with what the document says of it."""
    doc: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "security": [{SECURITY: []}],
        "x-scope": [scope.value for scope in operation.scopes],
        "parameters": list(_parameters(operation)),
        "responses": {status: f"Problem{status}" for status in _refusals(operation)}
        | (
            {304: {"description": "Nothing has changed.", "headers": {"ETag": "ETag"}}} if _may_stand(operation) else {}
        ),
    }
    if operation.description:
        doc["description"] = operation.description
    if operation.body is not None:
        content: dict[str, Any] = {"schema": operation.body}
        if operation.body_example is not None:
            content["example"] = dict(operation.body_example)
        # What may be empty may be left out.
        needed = any(one.required for one in operation.body().fields.values())
        doc["requestBody"] = {"required": needed, "content": {"application/json": content}}
    example = dict(operation.example) if operation.example is not None else None
    answered = blueprint.response(
        operation.status,
        page_of(operation.answer) if operation.is_list and operation.answer is not None else operation.answer,
        example={"data": [example], "next_cursor": None} if operation.is_list else example,
        headers={name: name for name in _headers(operation)},
    )(view)
    if operation.forwards and operation.method != "GET":
        # In any content type; generators of clients know this one.
        sent = {"schema": {"type": "string", "format": "binary"}, "example": '{"title": "Hello"}'}
        doc["requestBody"] = {"required": False, "content": {"application/octet-stream": sent}}
    if operation.is_raw or operation.is_stream:
        words, kinds = _STREAM if operation.is_stream else _FORWARDED if operation.forwards else _RAW
        doc["responses"][operation.status] = {
            "description": words,
            "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in _headers(operation)},
            "content": {
                kind: {"schema": schema, "example": (example or {}).get("text")} for kind, schema in kinds.items()
            },
        }
        described: Callable[..., Response] = blueprint.doc(**doc)(view)
        return described
    done: Callable[..., Response] = blueprint.doc(**doc)(answered)
    return done


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """What is shown of a thing is always all of it, unless its field says otherwise: what a schema of answers has is
    required. Pure, but in place.
    """
    schemas = document["components"]["schemas"]
    given = {name for operation in _operations(document) for name in _named(operation.get("requestBody"), schemas)}
    for name, schema in schemas.items():
        if name not in given | {"Problem", "Fault", "Hint"}:
            shown = schema.get("properties", {})
            schema["required"] = sorted(one for one in shown if not shown[one].get(MAY_BE_MISSING))
    add_links(document)
    return document


@cache
def page_of(schema: type[Schema]) -> type[Schema]:
    """The schema of a page of a list."""
    made: type[Schema] = type(
        schema.__name__.removesuffix("Schema") + "PageSchema",
        (Schema,),
        {"data": fields.List(fields.Nested(schema)), "next_cursor": fields.String(allow_none=True)},
    )
    return made


# Generators of clients know the first kind; that it may be any other is true as well.
_RAW: tuple[str, Mapping[str, Mapping[str, str]]] = (
    "The bytes.",
    {
        "application/octet-stream": {"type": "string", "format": "binary"},
        "*/*": {"description": "In the content type that they came with."},
    },
)
_FORWARDED = ("What the provider answers, whatever its status.", _RAW[1])
_STREAM: tuple[str, Mapping[str, Mapping[str, str]]] = (
    "Server-sent events, without an end.",
    {"text/event-stream": {"type": "string"}},
)
_REQUEST_ID = {"description": "Names the request in the gateway's log.", "schema": {"type": "string"}}
HEADERS: Mapping[str, Mapping[str, Any]] = {
    "X-Request-Id": _REQUEST_ID,
    "RateLimit-Policy": {"description": "How many requests the key may send.", "schema": {"type": "string"}},
    "RateLimit": {"description": "How many are left (`r`), for how many seconds (`t`).", "schema": {"type": "string"}},
    "ETag": {"description": "The version of what is shown.", "schema": {"type": "string"}},
    "Location": {"description": "Where what was made is found.", "schema": {"type": "string"}},
    "Gateway-Upstream-Status": {
        "description": "The status of the provider's answer; missing where the gateway itself answers.",
        "schema": {"type": "string"},
    },
    "Gateway-Token": {
        "description": "`renewed`, with the provider's 401 to a body that cannot be sent again: the next call has "
        "another token.",
        "schema": {"type": "string"},
    },
    "Idempotency-Replayed": {"description": "`true`: answered as it was before.", "schema": {"type": "string"}},
}


def _unserved(**_path: str) -> Response:
    raise NotImplementedError("this application only describes")


def _headers(operation: Operation) -> list[str]:
    if operation.forwards:
        return ["X-Request-Id", "Gateway-Upstream-Status", "Gateway-Token"]
    found = ["X-Request-Id", "RateLimit-Policy", "RateLimit"]
    found += ["ETag"] * operation.has_etag
    found += ["Location"] * (operation.status == 201)
    return found + ["Idempotency-Replayed"] * operation.takes_idempotency_key


def _parameters(operation: Operation) -> Any:
    query = query_schema(operation)
    if query is not None:
        yield {"in": "query", "schema": query}
    if operation.takes_idempotency_key:
        yield _header(IDEMPOTENCY_HEADER, "Marks the request, so that it may be sent twice.", maxLength=257)
    if _may_stand(operation):
        yield _header("If-None-Match", "An ETag that was answered before: while it stands, the answer is 304.")
    if operation.is_stream:
        yield _header(LAST_EVENT_ID, "Goes on after this event, the last one that was heard of.")
    if operation.current is not None:
        yield _header("If-Match", "The ETag of the version that is changed.", required=operation.method != "DELETE")
    yield _header(TENANT_HEADER, "The slug of the tenant to act for, with a key that has the scope `operator`.")


def _may_stand(operation: Operation) -> bool:
    return operation.method == "GET" and operation.has_etag


def _header(name: str, description: str, *, required: bool = False, **schema: Any) -> dict[str, Any]:
    described = {"in": "header", "name": name, "description": description, "required": required}
    return {**described, "schema": {"type": "string", **schema}}


def _refusals(operation: Operation) -> list[int]:
    found = [401, 403, 422, 429, 503]
    if operation.forwards:
        return sorted([*found, 400, 404, 408, 409, 413, 502, 504])
    # What a query speaks of may not be there either.
    found += [404] * ("<" in operation.path or operation.writes or operation.query is not None)
    found += [400, 413, 415] * (operation.method != "GET")
    found += [409] * operation.writes
    found += [412] * (operation.current is not None)
    return sorted(found + [428] * (operation.current is not None and operation.method != "DELETE"))


def _problem(status: int, words: str, code: str) -> dict[str, Any]:
    example = {
        "type": f"urn:gateway:problem:{code}",
        "title": words,
        "status": status,
        "code": code,
        "detail": words,
        "request_id": "req_06bk7e8v3s9p41pf7j0q5m2c8g",
    }
    headers: dict[str, Any] = {"X-Request-Id": _REQUEST_ID}
    if status in (429, 503):
        headers["Retry-After"] = {"description": "After how many seconds to try again.", "schema": {"type": "integer"}}
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": words, "headers": headers, "content": {CONTENT_TYPE: {"schema": schema, "example": example}}}


def _operations(document: Mapping[str, Any]) -> Any:
    return (
        operation for path in document["paths"].values() for name, operation in path.items() if name != "parameters"
    )


def _named(part: Any, schemas: Mapping[str, Any]) -> Any:
    """The names of the schemas to which `part` refers, and to which they do."""
    if isinstance(part, Mapping):
        reference = part.get("$ref")
        if isinstance(reference, str):
            name = reference.rpartition("/")[2]
            yield name
            yield from _named(schemas.get(name), schemas)
        for inner in part.values():
            yield from _named(inner, schemas)
    elif isinstance(part, list):
        for inner in part:
            yield from _named(inner, schemas)
