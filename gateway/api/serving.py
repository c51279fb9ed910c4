"""Serving: from a request to the answer of a declared operation, in the order in which things may be refused.

    key ─ rate ─ scope ─ query ─ body ─ (claim of the Idempotency-Key) ─ transaction: If-Match ─ use case ─ answer

The answer is made, and kept where the request was marked, before the transaction commits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from flask import Request, Response, g, request
from marshmallow import Schema, fields
from werkzeug.datastructures import ETags

from gateway.api import replays
from gateway.api.authentication import Caller
from gateway.api.declaring import Listening, Operation, Raw
from gateway.api.door import Door
from gateway.api.forwarding import forwarded
from gateway.api.problems import Refused
from gateway.api.reading import load_body, locator, read_document, read_query
from gateway.db.paging import DEFAULT_LIMIT, PageRequest
from gateway.errors import NotFound, StorageUnavailable
from gateway.events.live.hub import hub_of
from gateway.events.live.listening import LAST_EVENT_ID
from gateway.oauth.protocol.places import places_of
from gateway.schema_fields import VOLATILE
from gateway.streams import stream
from gateway.tenants.acting import Acting, SystemActing
from gateway.tenants.idempotency.requests import Answer, Claim, ClaimLost, keep_answer, let_go

JSON = "application/json"


class PageSchema(Schema):
    """Which page of a list is wanted."""

    limit = fields.Integer(load_default=DEFAULT_LIMIT, metadata={"description": "Rows of the page, 1 to 200."})
    cursor = fields.String(load_default=None, metadata={"description": "Goes on after a page: its `next_cursor`."})


@dataclass(frozen=True, slots=True)
class Asked:
    """What came with a request: `arguments` of the operation by name."""

    path: Mapping[str, str]
    document: Any
    arguments: Mapping[str, Any] = field(default_factory=dict)


class Endpoint:
    """Serves one operation; the schemas are made once."""

    def __init__(self, operation: Operation, door: Door) -> None:
        self._operation = operation
        self._door = door
        self._body = operation.body() if operation.body is not None else None
        self._query = query_schema(operation)
        self._answer = operation.answer() if operation.answer is not None else None
        version = operation.current_as or operation.answer or Schema
        self._version = version()

    def __call__(self, **path: str) -> Response:
        """The answer to the request that is under way. Raises `Refused` and `GatewayError`."""
        operation = self._operation
        caller = self._door.admit(request, operation.scopes)
        # What stands outside of the body: parts of the path, and headers.
        outside = {*path, replays.HEADER, LAST_EVENT_ID}
        g.locate = locator(self._body, self._query, None, outside)
        if any("\x00" in part for part in path.values()):
            raise NotFound("there is no such thing here")
        if operation.forwards:
            return forwarded(operation, self._door.installation, caller.tenant.id, path)
        asked = self._read(request, path)
        if operation.is_stream:
            return stream(operation.run(self._listening(caller), **asked.arguments))
        given = request.headers.get(replays.HEADER) if operation.takes_idempotency_key else None
        key = None if given is None else replays.plain_key(given)
        if key is None or not operation.keeps_answer:
            return self._respond(self._carry_out(caller, asked))
        return self._once(caller, asked, key)

    def _listening(self, caller: Caller) -> Listening:
        guest = self._door.guest(caller, self._operation.scopes)
        return Listening(hub_of(self._door.installation), guest, request.headers.get(LAST_EVENT_ID) or None)

    def _read(self, request: Request, path: Mapping[str, str]) -> Asked:
        arguments: dict[str, Any] = {}
        if self._query is not None:
            query = read_query(request, self._query)
            if self._operation.is_list:
                arguments["page"] = PageRequest(query.pop("limit"), query.pop("cursor"))
            if self._operation.query is not None:
                arguments["query"] = query
        elif request.args:
            read_query(request, Schema())
        document = None
        if self._operation.method != "GET":
            document = read_document(request, max_bytes=self._operation.max_body_bytes)
            g.locate = locator(self._body, self._query, document, {*path, replays.HEADER})
            loaded = load_body(self._body or Schema(), document)
            if self._body is not None:
                arguments["body"] = loaded
        return Asked(path, document, arguments)

    def _once(self, caller: Caller, asked: Asked, key: str) -> Response:
        """Carry out a marked request, or answer as it was answered before."""
        installation = self._door.installation
        mark = replays.mark(request, key, caller, asked.document)
        held = replays.claim_or_answer(installation, mark)
        if isinstance(held, Answer):
            return self._respond(held, replayed=True)
        try:
            return self._respond(self._carry_out(caller, asked, held))
        except ClaimLost:
            raise replays.in_flight(1) from None
        except Exception:
            # Nothing was changed. Where it cannot be let go of, its lease ends.
            with suppress(StorageUnavailable):
                let_go(installation.database, held)
            raise

    def _carry_out(self, caller: Caller, asked: Asked, held: Claim | None = None) -> Answer:
        operation = self._operation
        if operation.opens:
            return self._carry_out_in_steps(caller, asked, held)
        opened = self._door.acting_for_system if operation.for_system else self._door.acting
        with opened(caller, write=operation.writes) as acting:
            self._require_match(acting, asked)
            answer = self._answer_of(operation.run(acting, **asked.path, **asked.arguments))
            if held is not None:
                keep_answer(acting.session, self._door.installation.keyring, held, answer)
        return answer

    def _carry_out_in_steps(self, caller: Caller, asked: Asked, held: Claim | None) -> Answer:
        """In transactions of its own; the answer is kept after the last one."""
        begin = partial(self._door.acting, caller)
        places = places_of(self._door.installation)
        with places.taken() if self._operation.asks_others else nullcontext():
            answer = self._answer_of(self._operation.run(begin, **asked.path, **asked.arguments))
        if held is not None:
            with begin() as acting:
                keep_answer(acting.session, self._door.installation.keyring, held, answer)
        return answer

    def _require_match(self, acting: Acting | SystemActing, asked: Asked) -> None:
        """Compare the version that the client changes with the one that is there, whose row is locked."""
        current = self._operation.current
        if current is None:
            return
        if "If-Match" not in request.headers:
            if self._operation.method == "DELETE":
                return
            raise Refused("precondition_required", "send If-Match with the ETag of the version that you change")
        shown = self._version.dump(current(acting, **asked.path))
        etag = etag_of(json.dumps(shown).encode("ascii"), volatile_of(self._version))
        if not is_matched(request.if_match, etag):
            headers = [("ETag", f'"{etag}"')]
            raise Refused("precondition_failed", "it was changed since you read it: read it again", headers=headers)

    def _answer_of(self, result: Any) -> Answer:
        operation = self._operation
        if operation.is_raw:
            return Answer(operation.status, _raw_headers(result), result.body)
        if self._answer is None:
            return Answer(operation.status, (), b"")
        shown: Any
        if operation.is_list:
            shown = {"data": self._answer.dump(result.rows, many=True), "next_cursor": result.next_cursor}
        else:
            shown = self._answer.dump(result)
        headers = []
        if operation.status == 201 and "id" in shown:
            headers.append(("Location", f"{request.path}/{shown['id']}"))
        return Answer(operation.status, headers, json.dumps(shown).encode("ascii"))

    def _respond(self, answer: Answer, *, replayed: bool = False) -> Response:
        response = Response(answer.body, answer.status, list(answer.headers))
        response.headers["Cache-Control"] = "private, no-cache"
        if self._operation.is_raw:
            return response
        if self._answer is None:
            del response.headers["Content-Type"]
            return response
        response.content_type = JSON
        if replayed:
            response.headers["Idempotency-Replayed"] = "true"
        if self._operation.method != "GET":
            # May have a secret in it that is shown once.
            response.headers["Cache-Control"] = "no-store"
        if self._operation.has_etag:
            etag = etag_of(answer.body, volatile_of(self._version))
            response.set_etag(etag)
            if self._operation.method == "GET" and request.if_none_match.contains_weak(etag):
                response.status_code = 304
                response.set_data(b"")
                del response.headers["Content-Type"], response.headers["Content-Length"]
        return response


def _raw_headers(raw: Raw) -> list[tuple[str, str]]:
    """Headers with which a browser that is led to such an answer keeps it, and runs nothing of it."""
    content_type = raw.content_type or ""
    is_fit = content_type.isascii() and content_type.isprintable() and "/" in content_type
    return [
        ("Content-Type", content_type if is_fit else "application/octet-stream"),
        ("Content-Disposition", "attachment"),
        ("Content-Security-Policy", "sandbox; default-src 'none'"),
    ]


def query_schema(operation: Operation) -> Schema | None:
    """What the operation takes in its query; None: nothing."""
    if not operation.is_list:
        return operation.query() if operation.query is not None else None
    bases = (operation.query, PageSchema) if operation.query is not None else (PageSchema,)
    made: type[Schema] = type(f"{operation.id}_query", bases, {})
    return made()


def volatile_of(schema: Schema) -> frozenset[str]:
    """What changes by itself of what `schema` shows."""
    return frozenset(name for name, one in schema.fields.items() if VOLATILE.items() <= one.metadata.items())


def etag_of(body: bytes, volatile: Collection[str] = ()) -> str:
    """The version of what `body` shows. Where some of it changes by itself, the version of the rest stands first. Pure.

    So GET tells every change, and If-Match only what somebody may have lost.
    """
    whole = _digest(body)
    if not volatile:
        return whole
    settled = {name: value for name, value in json.loads(body).items() if name not in volatile}
    return f"{_digest(json.dumps(settled).encode('ascii'))}.{whole}"


def is_matched(given: ETags, etag: str) -> bool:
    """Whether `given` by If-Match has the version of `etag`: strong ones only (RFC 9110, 13.1.1). Pure."""
    version = etag.partition(".")[0]
    return given.star_tag or any(tag.partition(".")[0] == version for tag in given.as_set())


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]
