"""What came of a manifest, as it is shown as data."""

from __future__ import annotations

from marshmallow import Schema, fields


class ThingSchema(Schema):
    """A source, destination or route by its name; `detail` says what a route does."""

    kind = fields.String()
    name = fields.String()
    detail = fields.String(allow_none=True)


class DifferenceSchema(Schema):
    """One field of an update, before and after; `…` stands for a value that is not shown."""

    field = fields.String()
    before = fields.Raw(allow_none=True)
    after = fields.Raw(allow_none=True)


class ChangeSchema(Schema):
    """One change: `create`, `update` or `remove`."""

    action = fields.String()
    kind = fields.String(attribute="thing.kind")
    name = fields.String(attribute="thing.name")
    detail = fields.String(attribute="thing.detail", allow_none=True)
    field_names = fields.List(fields.String(), attribute="fields", data_key="fields")
    differences = fields.List(fields.Nested(DifferenceSchema))


class TriedSchema(Schema):
    """What a route made of so many events."""

    tried = fields.Integer()
    sent = fields.Integer()
    turned_away = fields.Integer()
    null = fields.Integer()
    failed = fields.Integer()
    detail = fields.String(allow_none=True)


class TrialSchema(Schema):
    """A route tried on the provider's samples, and on the last events of its source."""

    samples = fields.Nested(TriedSchema)
    events = fields.Nested(TriedSchema)


class OutcomeSchema(Schema):
    """What was changed, or would be. `secrets` of new destinations are shown this once."""

    changes = fields.List(fields.Nested(ChangeSchema))
    not_in_file = fields.List(fields.Nested(ThingSchema))
    trials = fields.Dict(keys=fields.String(), values=fields.Nested(TrialSchema))
    applied = fields.Boolean()
    secrets = fields.Dict(keys=fields.String(), values=fields.String())


class ExportedSchema(Schema):
    """What is there, as it may be put. What is as it is by default is left out of each."""

    sources = fields.List(fields.Dict(keys=fields.String()))
    destinations = fields.List(fields.Dict(keys=fields.String()))
    routes = fields.List(fields.Dict(keys=fields.String()))
