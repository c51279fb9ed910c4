"""A hint as it is answered: in problems, and where what is shown has hints of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, pre_dump

from gateway.api.hints import as_data
from gateway.errors import Hint


class HintSchema(Schema):
    """What may help: `operation` is a method and a path of this API."""

    action = fields.String()
    detail = fields.String()
    parameters = fields.Dict()
    operation = fields.Dict(keys=fields.String(), values=fields.String())

    @pre_dump
    def tell(self, hint: Hint, **_options: Any) -> Mapping[str, Any]:
        """In the words of the API."""
        return as_data(hint)
