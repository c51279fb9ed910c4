"""A body of JSON has JSON's kinds of values."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.api.kinds import wrong_kinds
from gateway.schema_fields import Text


class Row(Schema):
    count = fields.Integer()


class Thing(Schema):
    flag = fields.Boolean()
    rate = fields.Float(data_key="rate_per_second")
    count = fields.Integer()
    text = Text()
    row = fields.Nested(Row)
    rows = fields.List(fields.Nested(Row))
    many = fields.Nested(Row, many=True)
    options = fields.Dict(keys=fields.String(), values=Text())
    anything = fields.Dict()


def test_values_of_other_kinds_are_told_by_their_place() -> None:
    document = {
        "flag": 0,
        "rate_per_second": "5",
        "count": 2.5,
        "text": True,
        "row": {"count": "1"},
        "rows": [{"count": 1}, {"count": True}],
        "many": [{"count": 1.5}],
        "options": {"a": "b", "c": 1},
        "anything": {"a": 1},
    }
    assert [(fault.field, fault.code) for fault in wrong_kinds(Thing(), document)] == [
        (place, "malformed")
        for place in (
            "flag",
            "rate_per_second",
            "count",
            "text",
            "row.count",
            "rows[1].count",
            "many[0].count",
            "options.c",
        )
    ]


def test_values_of_their_kind_null_and_what_the_schema_judges_pass() -> None:
    fit = {"flag": True, "rate_per_second": 1, "count": 2.0, "text": "1", "row": None, "rows": [{"count": 1}]}
    for document in (fit, {"options": {"a": None}}, {"colour": 1, "rows": 3, "row": [], "options": 1}, None, [1]):
        assert list(wrong_kinds(Thing(), document)) == []
