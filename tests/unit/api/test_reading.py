"""Where a fault stands in what was sent."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.api.reading import locator


class Body(Schema):
    rate = fields.Float(data_key="rate_per_second")
    options = fields.Dict()
    limit = fields.Integer()


class Query(Schema):
    limit = fields.Integer()
    since = fields.String(data_key="from")


def test_a_path_becomes_a_pointer_into_the_body() -> None:
    document = {"options": {"a.b": {"c~d/e": [1, {"f": 2}]}}, "rate_per_second": 1}
    locate = locator(Body(), None, document, ())
    for field, pointer in {
        "": "",
        "rate": "/rate_per_second",
        "options.a.b.c~d/e[1].f": "/options/a.b/c~0d~1e/1/f",
        "options.not.there[3]": "/options/not/there/3",
        "sources[0].slug": "/sources/0/slug",
    }.items():
        assert locate(field) == {"pointer": pointer}, field


def test_what_stands_elsewhere_is_a_parameter() -> None:
    locate = locator(Body(), Query(), {}, {"source", "Idempotency-Key"})
    assert locate("since") == {"parameter": "from"}
    assert locate("source") == {"parameter": "source"}
    assert locate("Idempotency-Key") == {"parameter": "Idempotency-Key"}
    # What the body has too is meant there.
    assert locate("limit") == {"pointer": "/limit"}
    assert locator(None, Query(), None, ())("unheard_of") == {"parameter": "unheard_of"}
