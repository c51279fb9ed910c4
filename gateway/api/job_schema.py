"""A job as the API shows it: to keys of tenants without the machine that carries it out."""

from __future__ import annotations

from typing import Any

from flask import has_request_context
from marshmallow import post_dump

from gateway.api.door import scopes_of_caller
from gateway.jobs import schema
from gateway.tenants.api_keys.scopes import Scope


class JobSchema(schema.JobSchema):
    """A job with its progress so far. `result` is there when it has succeeded; `error` says why it failed, or why it is
    tried again. `tenant_id` is null for the installation's own. `worker`, who holds it, is told to keys with the scope
    `operator` only; for all others it is null.
    """

    @post_dump
    def _hide_worker(self, data: dict[str, Any], **_options: Any) -> dict[str, Any]:
        if has_request_context() and Scope.OPERATOR in scopes_of_caller():
            return data
        return data | {"worker": None}
