"""The shape of the section `api` of a catalogue file, checked by marshmallow and turned into the model.

Field names here are the keys of the YAML files.
"""

from __future__ import annotations

import re
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from marshmallow import ValidationError, fields, post_load, validates_schema
from marshmallow.validate import Length, OneOf, Range, Regexp

from gateway.out_of_order import in_one_line
from gateway.providers.api import model
from gateway.providers.webhook.schema import StrictSchema

CREDENTIALS = ("bearer", "basic", "header", "query", "none")
UNITS = ("seconds", "ms", "epoch", "epoch_ms", "date", "iso", "duration", "retry_after")
INSTANTS = ("iso", "iso_ms", "epoch", "epoch_ms", "minutes", "day", "http_date")
ERROR_KINDS = (
    "authentication",
    "authorization",
    "conflict",
    "expired",
    "not_found",
    "quota",
    "rate_limited",
    "refused",
    "unavailable",
)
DELETIONS = ("absent", "flag", "history", "list", "webhook")
WRITES = ("create", "update", "upsert", "delete")
HEADER_NAME = Regexp(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z", error="is no header's name")

# What each style needs, and what it takes besides.
STYLES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "single": (frozenset(), frozenset()),
    "link": (frozenset(), frozenset({"attribute"})),
    "next_url": (frozenset({"path"}), frozenset({"more"})),
    "cursor": (frozenset({"parameter", "path"}), frozenset({"more", "then"})),
    "header": (frozenset({"parameter", "header"}), frozenset()),
    "keyset": (frozenset({"parameter"}), frozenset({"key", "more"})),
    "page": (frozenset({"size"}), frozenset({"parameter", "start", "pages", "more"})),
    "offset": (frozenset({"size"}), frozenset({"parameter", "more"})),
}
_SIZES = frozenset({"style", "size", "size_parameter"})


class DocumentPath(fields.String):
    """A JMESPath that compiles."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        text: str = super()._deserialize(value, *args, **options)
        try:
            jmespath.compile(text)
        except JMESPathError as error:
            raise ValidationError(f"is no JMESPath: {in_one_line(str(error))}") from error
        return text


class FurtherSecretSchema(StrictSchema):
    about = fields.String(required=True)
    header = fields.String(validate=Regexp(r"[A-Za-z0-9-]+\Z"))
    query = fields.String(validate=Length(min=1))

    @validates_schema
    def place(self, data: dict[str, Any], **_: object) -> None:
        if ("header" in data) == ("query" in data):
            raise ValidationError("stands in a `header` or in a `query` parameter: name one of both")

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.FurtherSecret:
        return model.FurtherSecret(**data)


class CredentialSchema(StrictSchema):
    kind = fields.String(required=True, validate=OneOf(CREDENTIALS))
    name = fields.String()
    scheme = fields.String()
    username = fields.String()
    prefix = fields.String()
    also = fields.Dict(
        keys=fields.String(validate=Regexp(r"[a-z][a-z0-9_]*\Z")), values=fields.Nested(FurtherSecretSchema)
    )

    @validates_schema
    def place(self, data: dict[str, Any], **_: object) -> None:
        if (data["kind"] in {"header", "query"}) != ("name" in data):
            raise ValidationError("`name` is for header and query, which need it")
        for name, kind in (("scheme", "bearer"), ("username", "basic"), ("prefix", "header")):
            if name in data and data["kind"] != kind:
                raise ValidationError({name: [f"is for the kind {kind}"]})

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.Credential:
        return model.Credential(**data)


class ParameterSchema(StrictSchema):
    about = fields.String(required=True)
    pattern = fields.String(required=True)
    default = fields.String()

    @validates_schema
    def compiles(self, data: dict[str, Any], **_: object) -> None:
        try:
            pattern = re.compile(data["pattern"], re.ASCII)
        except re.error as error:
            raise ValidationError({"pattern": [f"is no regular expression: {error}"]}) from error
        if any(pattern.fullmatch(text) for text in ("a@b", "a/b", "a?b", "a#b", "a:b@c", "")):
            raise ValidationError({"pattern": ["takes what could lead to another host: @, /, ? or #"]})

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.Parameter:
        return model.Parameter(**data)


class WaitSchema(StrictSchema):
    header = fields.String(required=True, validate=HEADER_NAME)
    unit = fields.String(required=True, validate=OneOf(UNITS))
    when_used_up = fields.String(validate=HEADER_NAME)

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.WaitSaid:
        used_up = data.get("when_used_up")
        return model.WaitSaid(data["header"].lower(), data["unit"], used_up.lower() if used_up else None)


class ErrorsSchema(StrictSchema):
    code = DocumentPath()
    message = DocumentPath()
    inside_success = DocumentPath()
    codes = fields.Dict(keys=fields.String(), values=fields.String(validate=OneOf(ERROR_KINDS)))

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.ErrorShape:
        return model.ErrorShape(**data)


class RateSchema(StrictSchema):
    calls = fields.Integer(required=True, strict=True, validate=Range(1))
    seconds = fields.Integer(required=True, strict=True, validate=Range(1, 86_400))

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.RateSaid:
        return model.RateSaid(**data)


class PagingSchema(StrictSchema):
    style = fields.String(required=True, validate=OneOf(tuple(STYLES)))
    parameter = fields.String()
    path = DocumentPath()
    more = DocumentPath()
    attribute = fields.String(validate=Length(1))
    then = fields.String(validate=Length(1))
    header = fields.String(validate=HEADER_NAME)
    key = DocumentPath()
    start = fields.Integer(strict=True, validate=Range(0, 1))
    pages = DocumentPath()
    size_parameter = fields.String()
    size = fields.Integer(strict=True, validate=Range(1, 10_000))

    @validates_schema
    def own(self, data: dict[str, Any], **_: object) -> None:
        needed, taken = STYLES[data["style"]]
        if missing := sorted(needed - data.keys()):
            raise ValidationError(f"the style {data['style']} needs {', '.join(missing)}")
        if left := sorted(data.keys() - needed - taken - _SIZES):
            raise ValidationError(f"the style {data['style']} does not take {', '.join(left)}")
        if "size_parameter" in data and "size" not in data:
            raise ValidationError("`size_parameter` needs `size`")

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.Paging:
        return model.Paging(**data)


class SinceSchema(StrictSchema):
    parameter = fields.String(validate=Length(1))
    header = fields.String(validate=HEADER_NAME)
    unit = fields.String(required=True, validate=OneOf(INSTANTS))
    template = fields.String(validate=Regexp(r"[^{}]*\{at\}[^{}]*\Z", error="holds {at} once"))
    along = fields.Dict(keys=fields.String(), values=fields.String())
    overlap_seconds = fields.Integer(strict=True, validate=Range(0))
    max_age_seconds = fields.Integer(strict=True, validate=Range(1))

    @validates_schema
    def place(self, data: dict[str, Any], **_: object) -> None:
        if ("parameter" in data) == ("header" in data):
            raise ValidationError("needs either `parameter` or `header`")

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.Since:
        return model.Since(**data)


class DeltaSchema(StrictSchema):
    path = DocumentPath(required=True)
    parameter = fields.String(validate=Length(1))

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.Delta:
        return model.Delta(**data)


class WriteSchema(StrictSchema):
    method = fields.String(required=True, validate=OneOf(("POST", "PUT", "PATCH", "DELETE")))
    path = fields.String(required=True)
    wrap = fields.String()
    form = fields.Boolean()
    idempotency_header = fields.String(validate=HEADER_NAME)
    idempotency_field = fields.String(validate=Length(1))

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.Write:
        return model.Write(**data)


class ConcurrencySchema(StrictSchema):
    version = DocumentPath(required=True)
    header = fields.String(validate=HEADER_NAME)
    field = fields.String(validate=Length(1))
    is_number = fields.Boolean(data_key="number")

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.Concurrency:
        return model.Concurrency(**data)


class ResourceSchema(StrictSchema):
    path = fields.String(required=True, validate=Length(1))
    records = DocumentPath(required=True)
    id = DocumentPath(required=True)
    paging = fields.Nested(PagingSchema, required=True)
    method = fields.String(validate=OneOf(("GET", "POST")))
    service = fields.String()
    query = fields.Dict(keys=fields.String(), values=fields.String())
    body = fields.Dict(keys=fields.String())
    updated_at = DocumentPath()
    since = fields.Nested(SinceSchema)
    delta = fields.Nested(DeltaSchema)
    deletions = fields.String(validate=OneOf(DELETIONS))
    deleted = DocumentPath()
    one = fields.String()
    writes = fields.Dict(keys=fields.String(validate=OneOf(WRITES)), values=fields.Nested(WriteSchema))
    concurrency = fields.Nested(ConcurrencySchema)

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.Resource:
        return model.Resource(**data)


class ApiSchema(StrictSchema):
    base_url = fields.String(required=True)
    docs = fields.String(required=True)
    credential = fields.Nested(CredentialSchema, required=True)
    services = fields.Dict(keys=fields.String(), values=fields.String())
    parameters = fields.Dict(keys=fields.String(), values=fields.Nested(ParameterSchema))
    headers = fields.Dict(keys=fields.String(validate=HEADER_NAME), values=fields.String())
    errors = fields.Nested(ErrorsSchema)
    waits = fields.List(fields.Nested(WaitSchema))
    rates = fields.List(fields.Nested(RateSchema))
    request_id = fields.String(validate=HEADER_NAME)
    idempotency_header = fields.String(validate=HEADER_NAME)
    resources = fields.Dict(keys=fields.String(), values=fields.Nested(ResourceSchema))
    quirks = fields.List(fields.String())
    by = fields.List(fields.String())

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.Api:
        for name in ("waits", "rates", "quirks", "by"):
            data[name] = tuple(data.get(name, ()))
        return model.Api(**data)
