"""The shape of the webhook section of a catalogue file, checked by marshmallow and turned into the model.

Field names here are the keys of the YAML files. What one scheme must have besides its shape is in `soundness`.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validates_schema
from marshmallow.validate import Length, OneOf, Range

from gateway.providers.webhook import model, parts
from gateway.providers.webhook.notation import (
    ConditionsField,
    JsonAnswerField,
    PathField,
    PatternField,
    PlaceField,
    PlacesField,
    StepsField,
    TemplateField,
    TemplatesField,
    TextField,
)

ENCODINGS = ("hex", "base64", "base64url")
HASHES = ("sha1", "sha256", "sha512")
METHODS = (
    *(f"{family}-{name}" for family in ("hmac", "digest", "rsa", "ecdsa") for name in HASHES),
    "ed25519",
    "jwt",
    "token",
    "basic",
    "function",
    "none",
)
PUBLIC_KEY_FORMATS = ("pem", "spki-base64", "ed25519-hex", "ed25519-base64")
TIME_UNITS = ("seconds", "milliseconds", "iso8601", "http-date")
ORIGINS = ("sdk", "docs", "secondary", "suggested", "none")
EVIDENCE_LEVELS = ("sdk", "docs", "source", "secondary", "ours")
ALGORITHMS = ("HS256", "HS384", "HS512", "RS256", "ES256", "ES512")
BODY_KINDS = ("json", "form", "multipart")
# What a stranger may have parsed even where an entry knows of a vendor that sends much.
MOST_UNVERIFIED_BYTES = 32 * 1024 * 1024


class StrictSchema(Schema):
    """Unknown keys are faults, which name the key that may have been meant."""

    class Meta:
        unknown = RAISE

    def handle_error(self, error: ValidationError, data: Any, **_: object) -> None:
        known = [field.data_key or name for name, field in self.fields.items()]
        for key, messages in error.messages_dict.items():
            if messages == [self.error_messages["unknown"]] and (near := get_close_matches(str(key), known, n=1)):
                error.messages_dict[key] = [f"{messages[0]} Did you mean `{near[0]}`?"]


class CheckSchema(StrictSchema):
    value = PlaceField(required=True)
    equals = TemplateField()
    matches = PatternField()
    if_present = fields.Boolean()
    if_body = fields.Boolean()
    if_option = fields.String()

    @validates_schema
    def one_comparison(self, data: dict[str, Any], **_: object) -> None:
        if ("equals" in data) == ("matches" in data):
            raise ValidationError("needs either `equals` or `matches`")

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> parts.Check:
        return parts.Check(**data)


class KeySchema(StrictSchema):
    secret = StepsField()
    public_key = fields.String(validate=OneOf(PUBLIC_KEY_FORMATS))
    of = fields.String(validate=OneOf((parts.ACCOUNT, parts.VENDOR)))
    strip = fields.String()
    certificate = PlaceField()
    host = PatternField()
    path = PatternField()

    @validates_schema
    def whose(self, data: dict[str, Any], **_: object) -> None:
        if ("public_key" in data) != ("of" in data):
            raise ValidationError(
                "of: belongs to a public key, which needs it: account when each customer of the vendor has another "
                "one, vendor when it is the same for all"
            )

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> parts.Key:
        if "certificate" in data:
            return parts.Key(
                "certificate", url=data["certificate"], host=data.get("host", ""), path=data.get("path", "")
            )
        if "public_key" in data:
            return parts.Key("public_key", data["of"], format=data["public_key"], strip=data.get("strip", ""))
        return parts.Key("secret", steps=data.get("secret", ()))


class SignatureSchema(StrictSchema):
    place = PlacesField(data_key="in")
    any_place = PlacesField(data_key="any")
    prefix = fields.String()
    split = fields.String(validate=Length(1, 1))
    pair = fields.String(validate=Length(1, 1))
    take = TemplateField()
    take_from = fields.Integer(validate=Range(0, 20))
    encoding = fields.String(validate=OneOf(ENCODINGS))
    several = fields.Boolean()

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> parts.Signature:
        every = data.pop("any_place", ())
        return parts.Signature(places=every or data.pop("place", ()), every=bool(every), **data)


class TimestampSchema(StrictSchema):
    place = PlacesField(data_key="in", required=True)
    unit = fields.String(required=True, validate=OneOf(TIME_UNITS))
    tolerance_seconds = fields.Float(validate=Range(0, 86_400))
    tolerance_from = fields.String(validate=OneOf(ORIGINS))

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> parts.Timestamp:
        return parts.Timestamp(places=data.pop("place"), **data)


class EachSchema(StrictSchema):
    items = PathField(required=True)
    item = PathField()

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> parts.Each:
        return parts.Each(**data)


class TokenSchema(StrictSchema):
    place = PlacesField(data_key="in", required=True)
    prefix = fields.String()

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> parts.Token:
        return parts.Token(data["place"], data.get("prefix", ""))


class JwtSchema(StrictSchema):
    place = PlacesField(data_key="in", required=True)
    prefix = fields.String()
    algorithms = fields.List(fields.String(validate=OneOf(ALGORITHMS)), required=True, validate=Length(1))
    key = fields.String(required=True, validate=OneOf(("secret", "jwks", "google_certs", "x5c")))
    of = fields.String(validate=OneOf((parts.ACCOUNT, parts.VENDOR)))
    keys_url = fields.Url(schemes={"https"})
    issuers = fields.List(fields.String())
    required = fields.List(fields.String())
    max_age_seconds = fields.Float(validate=Range(1, 86_400))
    leeway_seconds = fields.Float(validate=Range(0, 600))
    oids = fields.List(fields.String())
    checks = fields.List(fields.Nested(CheckSchema))

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> parts.Jwt:
        lists = {key: tuple(value) for key, value in data.items() if isinstance(value, list)}
        return parts.Jwt(places=data.pop("place"), **(data | lists))


class SchemeSchema(StrictSchema):
    id = fields.String(required=True, validate=Length(1, 64))
    method = fields.String(required=True, validate=OneOf(METHODS))
    when = ConditionsField()
    key = fields.Nested(KeySchema)
    signature = fields.Nested(SignatureSchema)
    message_id = PlacesField()
    nonce = PlacesField()
    timestamp = fields.Nested(TimestampSchema)
    signs = TemplatesField()
    any_port = fields.Boolean()
    bodiless = fields.Boolean()
    checks = fields.List(fields.Nested(CheckSchema))
    each = fields.Nested(EachSchema)
    token = fields.Nested(TokenSchema)
    jwt = fields.Nested(JwtSchema)
    function = fields.String()
    fetch_back = PlaceField()
    bound_by = fields.String(validate=OneOf(("address",)))
    options = fields.List(fields.String())

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.Scheme:
        family, _dash, hash_name = data.pop("method").partition("-")
        data["checks"] = tuple(data.get("checks", ()))
        data["options"] = frozenset(data.get("options", ()))
        data["bound_by_address"] = data.pop("bound_by", None) is not None
        return model.Scheme(family=family, hash=hash_name, **data)


class AnswerSchema(StrictSchema):
    status = fields.Integer(validate=Range(200, 299))
    content_type = fields.String(data_key="type")
    body = TemplateField()
    json = JsonAnswerField()
    headers = fields.Dict(keys=fields.String(), values=TemplateField())

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.AnswerRule:
        return model.AnswerRule(**data)


class FetchSchema(StrictSchema):
    url = PlaceField(required=True)
    host = PatternField(required=True)

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.FetchRule:
        return model.FetchRule(**data)


class HandshakeSchema(StrictSchema):
    id = fields.String(required=True)
    signed = fields.Boolean(required=True)
    when = ConditionsField(required=True)
    checks = fields.List(fields.Nested(CheckSchema))
    answer = fields.Nested(AnswerSchema)
    store_secret = PlaceField()
    fetch = fields.Nested(FetchSchema)

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.HandshakeRule:
        data["checks"] = tuple(data.get("checks", ()))
        return model.HandshakeRule(**data)


class EventSchema(StrictSchema):
    type = PlacesField()
    id = PlacesField()


class BatchSchema(StrictSchema):
    items = PlaceField(required=True)
    id = PathField(allow_none=True)
    type = PathField(allow_none=True)

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.Batch:
        return model.Batch(data["items"], data.get("id"), data.get("type"))


class DeliverySchema(StrictSchema):
    evidence = fields.String(required=True, validate=OneOf(EVIDENCE_LEVELS))
    success = fields.String()
    timeout = fields.String()
    retries = fields.Dict(keys=fields.String(), values=TextField())
    notes = fields.List(fields.String())

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.DeliveryRule:
        data["notes"] = tuple(data.get("notes", ()))
        return model.DeliveryRule(**data)


class WebhookSchema(StrictSchema):
    choose = fields.String(validate=OneOf(("request", "operator")))
    schemes = fields.List(fields.Nested(SchemeSchema), required=True, validate=Length(1))
    event = fields.Nested(EventSchema)
    batch = fields.Nested(BatchSchema)
    handshakes = fields.List(fields.Nested(HandshakeSchema))
    answer = fields.Nested(AnswerSchema)
    delivery = fields.Nested(DeliverySchema)
    unverified_bytes = fields.Dict(
        keys=fields.String(validate=OneOf(BODY_KINDS)), values=fields.Integer(validate=Range(1, MOST_UNVERIFIED_BYTES))
    )

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.Webhook:
        event = data.pop("event", {})
        data["schemes"] = tuple(data["schemes"])
        data["handshakes"] = tuple(data.get("handshakes", ()))
        return model.Webhook(event_type=event.get("type", ()), event_id=event.get("id", ()), **data)
