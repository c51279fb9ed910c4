"""The shapes that parts of the section `oauth` share: calls, values that are kept, parameters, what backs it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, post_load, validates_schema
from marshmallow.validate import Length, OneOf, Range, Regexp

from gateway.providers.api.schema import HEADER_NAME, DocumentPath
from gateway.providers.oauth import parts, words
from gateway.providers.webhook.notation import PatternField
from gateway.providers.webhook.schema import StrictSchema
from gateway.schema_fields import Text

METHODS = ("GET", "POST", "PUT", "DELETE")
AUTHENTICATIONS = (*(one for one in words.AUTHENTICATION if one != "discovered"), "token", "like_token", "nobody")
NAME = Regexp(r"[a-z][a-z0-9_]*\Z", error="is a name in lower case, such as account_id")
DOMAIN = Regexp(r"([a-z0-9-]+\.)+[a-z]{2,}\Z", error="is no domain")
ALGORITHMS = ("RS256", "RS384", "PS256", "ES256", "ES384", "EdDSA")


class Tuple(fields.List[Any]):
    """A list that is kept as a tuple."""

    def _deserialize(self, *args: Any, **options: Any) -> Any:
        return tuple(super()._deserialize(*args, **options))


def strings(**options: Any) -> Tuple:
    return Tuple(fields.String(validate=Length(1)), **options)


def texts(*, headers: bool = False) -> fields.Dict:
    """Names, of parameters or of headers, and templates."""
    return fields.Dict(keys=fields.String(validate=HEADER_NAME if headers else Length(1)), values=Text())


def document_texts(**options: Any) -> fields.Dict:
    """Names, and where in a document their values stand."""
    return fields.Dict(keys=fields.String(validate=NAME), values=DocumentPath(), **options)


def duration() -> fields.Integer:
    return fields.Integer(strict=True, validate=Range(1))


class ChoicesField(fields.Field[dict[str, str]]):
    """What can be chosen: a list, or a mapping to what stands in templates for each."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> dict[str, str]:
        listed = isinstance(value, list)
        chosen = (
            dict(zip(value, value, strict=True)) if listed and all(isinstance(one, str) for one in value) else value
        )
        if not isinstance(chosen, dict) or not chosen:
            raise ValidationError("must be a list of texts, or a mapping of texts")
        found: dict[str, str] = fields.Dict(keys=fields.String(validate=Length(1)), values=Text()).deserialize(chosen)
        return found


class PartSchema(StrictSchema):
    """A part of the section; `makes` is its class of the model."""

    makes: ClassVar[type[Any]]

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> Any:
        return self.makes(**self.prepared(data))

    def prepared(self, data: dict[str, Any]) -> dict[str, Any]:
        """What the class is made of."""
        return data


class SourcesSchema(PartSchema):
    makes = parts.Sources
    level = fields.String(required=True, validate=OneOf(words.EVIDENCE))
    by = strings(required=True, validate=Length(1))


class ParameterSchema(PartSchema):
    makes = parts.Parameter
    about = fields.String(required=True, validate=Length(1))
    kind = fields.String(validate=OneOf(("text", "url")))
    pattern = PatternField()
    choices = ChoicesField()
    default = fields.String()
    suffix = fields.String(validate=Length(1))
    example = fields.String(validate=Length(1))
    optional = fields.Boolean()

    @validates_schema
    def own(self, data: dict[str, Any], **_: object) -> None:
        if data.get("kind") == "url" and data.keys() & {"pattern", "choices", "suffix"}:
            raise ValidationError("a URL has no pattern, choices or suffix")
        if "pattern" in data and "choices" in data:
            raise ValidationError("has either a pattern or choices")
        if data.get("optional") and "default" in data:
            raise ValidationError("optional: with a default it is never missing")
        for key in ("default", "example"):
            if key not in data:
                continue
            if "choices" in data and data[key] not in data["choices"]:
                raise ValidationError({key: ["is not among the choices"]})
            if "pattern" in data and not re.fullmatch(data["pattern"], data[key], re.ASCII):
                raise ValidationError({key: ["does not match the pattern"]})


class KeptSchema(PartSchema):
    makes = parts.Kept
    path = fields.String(required=True, validate=Length(1))
    under = Tuple(fields.String(validate=DOMAIN), validate=Length(1))
    pattern = PatternField()
    replaces = fields.String(validate=NAME)
    secret = fields.Boolean()


class KeptField(fields.Field[parts.Kept]):
    """Where a value stands, or a mapping that says besides where it may lead. In documents the path is JMESPath."""

    def __init__(self, *, in_document: bool) -> None:
        super().__init__()
        self._in_document = in_document

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> parts.Kept:
        kept: parts.Kept = KeptSchema().load({"path": value} if isinstance(value, str) else value)
        if self._in_document:
            DocumentPath().deserialize(kept.path)
        return kept


def keep(*, in_document: bool = True) -> fields.Dict:
    return fields.Dict(keys=fields.String(validate=NAME), values=KeptField(in_document=in_document))


class CallPartSchema(PartSchema):
    """What holds a request: its keys stand beside the other ones, from where `call` takes them."""

    url = fields.String(validate=Length(1))
    method = fields.String(validate=OneOf(METHODS))
    query = texts()
    format = fields.String(validate=OneOf(("form", "json")))
    body = texts()
    headers = texts(headers=True)
    authentication = fields.String(validate=OneOf(AUTHENTICATIONS))
    authorization = fields.String(validate=Length(1))

    @validates_schema
    def one_proof(self, data: dict[str, Any], **_: object) -> None:
        if "authentication" in data and "authorization" in data:
            raise ValidationError("authorization: is sent instead of what `authentication` says")

    @staticmethod
    def call(data: dict[str, Any], **otherwise: Any) -> parts.Call:
        """The request, its keys taken out of `data`; `otherwise` is what counts where they are missing."""
        keys = ("url", "method", "query", "format", "body", "headers", "authentication", "authorization")
        given = {key: data.pop(key) for key in keys if key in data}
        if "authorization" in given:
            otherwise["authentication"] = "nobody"
        return parts.Call(**otherwise | given)


class CallSchema(CallPartSchema):
    """A request by itself."""

    makes = parts.Call

    def prepared(self, data: dict[str, Any]) -> dict[str, Any]:
        return data | ({"authentication": "nobody"} if "authorization" in data else {})


class AssertionSchema(PartSchema):
    makes = parts.Assertion
    audience = fields.String(validate=Length(1))
    algorithms = Tuple(fields.String(validate=OneOf(ALGORITHMS)), validate=Length(1))
    lifetime_seconds = fields.Integer(strict=True, validate=Range(1, 3600))
    claims = texts()


class RateHeadersSchema(PartSchema):
    makes = parts.RateHeaders
    limit = fields.String(validate=HEADER_NAME)
    remaining = fields.String(validate=HEADER_NAME)
    reset = fields.String(validate=HEADER_NAME)
    reset_unit = fields.String(validate=OneOf(("seconds", "ms", "epoch", "epoch_ms")))
    reset_after = fields.String(validate=HEADER_NAME)
    retry_after = fields.String(validate=HEADER_NAME)
    bucket = fields.String(validate=HEADER_NAME)
    usage = fields.String(validate=HEADER_NAME)
    read_limit = fields.String(validate=HEADER_NAME)
    read_usage = fields.String(validate=HEADER_NAME)
    layout = fields.String(validate=Length(1))
    statuses = Tuple(fields.Integer(strict=True, validate=Range(400, 599)))


class LifetimeSchema(PartSchema):
    makes = parts.Lifetime
    seconds = duration()
    at_most = duration()
    never = fields.Boolean()
    by = fields.Dict(keys=fields.String(validate=NAME), values=fields.Integer(strict=True, allow_none=True))
    set_by = fields.String(validate=Length(1))

    @validates_schema
    def one(self, data: Mapping[str, Any], **_: object) -> None:
        if sum((bool(data.get("never")), "seconds" in data, "by" in data)) != 1:
            raise ValidationError("says one of `seconds`, `never` and `by`")
