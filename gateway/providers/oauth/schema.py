"""The shape of the section `oauth` of a catalogue file, checked by marshmallow and turned into the model.

Field names here are the keys of the YAML files. What spans several parts is in `soundness`.
"""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import Length, OneOf

from gateway.providers.api.schema import HEADER_NAME, DocumentPath
from gateway.providers.oauth import model, parts, words
from gateway.providers.oauth.parts_schema import (
    NAME,
    AssertionSchema,
    CallPartSchema,
    CallSchema,
    LifetimeSchema,
    ParameterSchema,
    PartSchema,
    RateHeadersSchema,
    SourcesSchema,
    Tuple,
    document_texts,
    duration,
    keep,
    strings,
    texts,
)
from gateway.providers.oauth.revocation import revocation_call

CLIENT_AUTHENTICATIONS = tuple(words.AUTHENTICATION)
AUTHORIZE_PARAMETERS = ("response_type", "scope", "state", "redirect_uri")
TOKEN_PARAMETERS = ("redirect_uri", "client_id")


class ClientSchema(PartSchema):
    makes = model.Client
    registration = fields.String(validate=OneOf(("vendor", "indieauth")))
    id = fields.String(validate=Length(1))
    has_secret = fields.Boolean()


class IssuerSchema(PartSchema):
    makes = model.Issuer
    value = fields.String(validate=Length(1))
    claims = texts()
    in_callback = fields.Boolean()


class PushedSchema(PartSchema):
    makes = parts.Pushed
    url = fields.String(validate=Length(1))
    required = fields.Boolean()


class AuthorizeSchema(PartSchema):
    makes = model.Authorize
    url = fields.String(validate=Length(1))
    scopes = strings()
    scope_separator = fields.String(validate=OneOf((" ", ",")))
    known_scopes = strings()
    user_scopes_parameter = fields.String(validate=Length(1))
    optional_scopes_parameter = fields.String(validate=Length(1))
    parameters = texts()
    client_id_parameter = fields.String(validate=Length(1))
    omit = Tuple(fields.String(validate=OneOf(AUTHORIZE_PARAMETERS)))
    pkce = fields.String(validate=OneOf(tuple(words.PKCE)))
    pkce_methods = strings()
    pushed = fields.Nested(PushedSchema)
    note = fields.String()


class RequestTokenSchema(PartSchema):
    makes = model.RequestToken
    url = fields.String(required=True, validate=Length(1))
    signature = fields.String(validate=OneOf(("HMAC-SHA1", "HMAC-SHA256", "RSA-SHA1", "PLAINTEXT")))


class CallbackSignatureSchema(PartSchema):
    makes = parts.CallbackSignature
    parameter = fields.String(required=True, validate=Length(1))
    hash = fields.String(validate=OneOf(("sha1", "sha256", "sha512")))


class CallbackSchema(PartSchema):
    makes = model.Callback
    keep = keep(in_document=False)
    scope = fields.String(validate=Length(1))
    signature = fields.Nested(CallbackSignatureSchema)


class GrantSchema(PartSchema):
    makes = model.Grant
    url = fields.String(validate=Length(1))
    scopes = strings()
    parameters = texts()
    assertion = fields.Nested(AssertionSchema)
    note = fields.String()


class TokenSchema(PartSchema):
    makes = model.Token
    url = fields.String(validate=Length(1))
    authentication = fields.String(validate=OneOf(CLIENT_AUTHENTICATIONS))
    otherwise = fields.String(validate=OneOf(("client_secret_basic", "client_secret_post")))
    format = fields.String(validate=OneOf(("form", "json")))
    parameters = texts()
    headers = texts(headers=True)
    client_id_parameter = fields.String(validate=Length(1))
    omit = Tuple(fields.String(validate=OneOf(TOKEN_PARAMETERS)))
    assertion = fields.Nested(AssertionSchema)
    note = fields.String()

    @validates_schema
    def own(self, data: dict[str, Any], **_: object) -> None:
        authentication = data.get("authentication")
        if "otherwise" in data and authentication != "discovered":
            raise ValidationError({"otherwise": ["is for `authentication: discovered`"]})
        if "assertion" in data and authentication != "private_key_jwt":
            raise ValidationError({"assertion": ["is for `authentication: private_key_jwt`"]})


class SecondTokenSchema(PartSchema):
    makes = parts.SecondToken
    root = DocumentPath(required=True)
    access_token = DocumentPath()
    refresh_token = DocumentPath()
    scope = DocumentPath()
    account_id = DocumentPath()


class AnswerSchema(PartSchema):
    makes = model.Answer
    root = DocumentPath()
    ok = DocumentPath()
    error_code = DocumentPath()
    error_message = DocumentPath()
    error_in_success = fields.Boolean()
    expires = fields.String(validate=OneOf(tuple(words.EXPIRY)))
    expires_field = fields.String(validate=Length(1))
    expires_at = fields.String(validate=Length(1))
    scope_field = fields.String(validate=Length(1))
    scope_separator = fields.String(validate=OneOf((" ", ",")))
    scope_is_array = fields.Boolean()
    second_token = fields.Nested(SecondTokenSchema)
    keep = keep()


class ChoiceSchema(PartSchema):
    makes = parts.Choice
    about = fields.String(required=True, validate=Length(1))
    of = DocumentPath()
    label = DocumentPath()
    prefer = DocumentPath()


class AfterExchangeSchema(CallPartSchema):
    makes = model.AfterExchange
    choose = fields.Nested(ChoiceSchema)
    keep = keep()
    replaces_token = fields.Boolean()
    note = fields.String()

    def prepared(self, data: dict[str, Any]) -> dict[str, Any]:
        return {"call": self.call(data)} | data


class AccountSchema(CallPartSchema):
    makes = model.Account
    source = fields.String(required=True, validate=OneOf(tuple(words.ACCOUNT)))
    id = fields.String(validate=Length(1))
    label = strings()
    also = fields.String(validate=Length(1))
    details = fields.Nested(CallSchema)
    send = fields.String(validate=Length(1))
    note = fields.String()

    @validates_schema
    def own(self, data: dict[str, Any], **_: object) -> None:
        source = data["source"]
        if ("send" in data) != (source in {"graphql", "websocket"}):
            raise ValidationError("`send` is for graphql and websocket, which need it")
        if (source == "token_prefix") == ("id" in data):
            raise ValidationError("`id` says where the id stands, but for token_prefix")
        if source not in words.ASKED_BY_A_CALL and data.keys() & {"url", "method", "query", "body", "headers"}:
            raise ValidationError(f"a call for what {source} has without one; for the label there is `details`")
        if source not in {"callback", "parameter"}:
            for key in ("id", "also"):
                if key in data:
                    DocumentPath().deserialize(data[key])
        for path in data.get("label", ()):
            DocumentPath().deserialize(path)

    def prepared(self, data: dict[str, Any]) -> dict[str, Any]:
        if data["source"] not in words.ASKED_BY_A_CALL:
            return data
        asked: dict[str, Any] = {"method": "POST", "format": "json"} if data["source"] == "graphql" else {}
        return {"call": self.call(data, **asked)} | data


class NeedsSchema(PartSchema):
    makes = parts.Needs
    scopes = strings()
    parameters = texts()


class RefreshSchema(PartSchema):
    makes = model.Refresh
    style = fields.String(validate=OneOf(tuple(words.REFRESH)))
    url = fields.String(validate=Length(1))
    parameters = texts()
    call = fields.Nested(CallSchema)
    needs = fields.Nested(NeedsSchema)
    lifetime_seconds = duration()
    lifetime_field = fields.String(validate=Length(1))
    idle_seconds = duration()
    grace_seconds = duration()
    last_seconds = duration()
    note = fields.String()

    @validates_schema
    def own(self, data: dict[str, Any], **_: object) -> None:
        if (data.get("style") == "exchange") != ("call" in data):
            raise ValidationError("`call` is the request of the style exchange, which needs it")
        if "call" in data and data.keys() & {"url", "parameters"}:
            raise ValidationError("url, parameters: stand in `call` here")


class RevokeSchema(CallPartSchema):
    makes = model.Revoke
    style = fields.String(validate=OneOf(tuple(words.REVOCATION)))
    note = fields.String()

    @validates_schema
    def own(self, data: dict[str, Any], **_: object) -> None:
        style = data.get("style")
        if style == "none" and data.keys() & {"url", "method", "body", "query", "headers", "authentication"}:
            raise ValidationError("there is no call where the style is none")
        if style == "form" and "body" not in data:
            raise ValidationError({"body": ["is needed: the style form has none of its own"]})

    def prepared(self, data: dict[str, Any]) -> dict[str, Any]:
        style = data.get("style", "rfc7009")
        return {"call": revocation_call(style, data)} | data


class NoticeSchema(PartSchema):
    makes = parts.Notice
    events = strings(required=True, validate=Length(1))
    account = document_texts(required=True, validate=Length(1))
    app = document_texts()
    at = fields.String(validate=Length(1))
    without = strings()

    @validates_schema
    def own(self, data: dict[str, Any], **_: object) -> None:
        at = data.get("at")
        if at is None:
            return
        place, _colon, name = at.partition(":")
        if place == "header":
            HEADER_NAME(name)
        else:
            DocumentPath().deserialize(at)


class IntrospectionSchema(CallPartSchema):
    makes = model.Introspection
    about = fields.String(validate=Length(1))

    def prepared(self, data: dict[str, Any]) -> dict[str, Any]:
        call = self.call(data, method="POST", body={"token": "{token}"}, authentication="like_token")
        return {"call": call} | data


class ConnectedApiSchema(PartSchema):
    makes = model.ConnectedApi
    base_url = fields.String(validate=Length(1))
    header = fields.String(validate=HEADER_NAME)
    value = fields.String(validate=Length(1))
    is_signed = fields.Boolean()
    headers = texts(headers=True)
    query = texts()
    rate_headers = fields.Nested(RateHeadersSchema)


class OAuthSchema(PartSchema):
    makes = model.OAuth
    kind = fields.String(required=True, validate=OneOf(tuple(words.KINDS)))
    evidence = fields.Nested(SourcesSchema, required=True)
    also = strings()
    grants = fields.Dict(
        keys=fields.String(validate=OneOf(tuple(words.GRANTS))), values=fields.Nested(GrantSchema), validate=Length(1)
    )
    parameters = fields.Dict(keys=fields.String(validate=NAME), values=fields.Nested(ParameterSchema))
    client = fields.Nested(ClientSchema)
    discovery = fields.String(validate=Length(1))
    issuer = fields.Nested(IssuerSchema)
    redirect_uri = fields.String(validate=Length(1))
    request_token = fields.Nested(RequestTokenSchema)
    authorize = fields.Nested(AuthorizeSchema)
    callback = fields.Nested(CallbackSchema)
    token = fields.Nested(TokenSchema, required=True)
    answer = fields.Nested(AnswerSchema)
    after_exchange = fields.Nested(AfterExchangeSchema)
    account = fields.Nested(AccountSchema)
    check = fields.Nested(CallSchema)
    refresh = fields.Nested(RefreshSchema)
    revoke = fields.Nested(RevokeSchema)
    ended_by = Tuple(fields.Nested(NoticeSchema))
    introspection = fields.Nested(IntrospectionSchema)
    access_lifetime = fields.Nested(LifetimeSchema)
    api = fields.Nested(ConnectedApiSchema)
    setup = strings()
    quirks = strings()
