"""Reading a request: its body as strict JSON (RFC 8259), its query, and both as a schema has them.

What one parser would read so and another one otherwise, and texts that no database holds, are refused here for all
operations alike; what a value may be is the use case's matter.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

from flask import Request
from marshmallow import RAISE, Schema, ValidationError, fields
from werkzeug.datastructures import MultiDict

from gateway.api.kinds import wrong_kinds
from gateway.api.problems import Locate, Refused, escaped
from gateway.content.forms import media_type_of
from gateway.content.jsontext import has_too_many_values
from gateway.errors import Fault, InvalidInput
from gateway.schema_fields import faults_of

MAX_DEPTH = 32
MAX_VALUES = 100_000
MAX_QUERY_PARAMETERS = 100
# Of a body that is wrong all over so many are told.
MAX_FAULTS = 100

# Besides line breaks and tabs, which stand in keys and certificates. Halves of a surrogate pair are no text in UTF-8.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_NO_JSON = "send JSON, as application/json"


def read_document(request: Request, *, max_bytes: int) -> Any:
    """The body as JSON; an empty one is an object with nothing in it.

    Raises `Refused`, and `InvalidInput` whose faults have JSON pointers.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refused(
            "media_type_unsupported", "the body must not be compressed", headers=[("Accept-Encoding", "identity")]
        )
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    raw = request.get_data()
    if len(raw) > max_bytes:
        raise _too_large(max_bytes)
    if not raw:
        return {}
    if media_type_of(request.headers.get("Content-Type", "")) != "application/json":
        raise Refused("media_type_unsupported", _NO_JSON, headers=[("Accept", "application/json")])
    if has_too_many_values(raw, MAX_VALUES):
        raise Pointed([Fault("", "too_long", f"the body has more than {MAX_VALUES} values")])
    document = _parse(raw)
    found = list(islice(_unfit(document, "", 0), MAX_FAULTS))
    if found:
        raise Pointed(found)
    return document


def read_query(request: Request, schema: Schema) -> Any:
    """The query as `schema` has it. Raises `InvalidInput` by the names of parameters."""
    given: MultiDict[str, str] = request.args
    found: list[Fault] = []
    if len(given) > MAX_QUERY_PARAMETERS:
        raise InvalidInput.at("", "too_long", f"the query has more than {MAX_QUERY_PARAMETERS} parameters")
    names = {one.data_key or name: one for name, one in schema.fields.items()}
    values: dict[str, Any] = {}
    for name, texts in given.lists():
        if any(_UNFIT.search(text) for text in (name, *texts)):
            found.append(Fault(name, "malformed", "has a control character, or is no UTF-8"))
        if isinstance(names.get(name), fields.List):
            values[name] = texts
        else:
            values[name] = texts[0]
            if len(texts) > 1:
                found.append(Fault(name, "duplicate", "stands here more than once"))
    if found:
        raise InvalidInput(faults=found)
    return load(schema, values)


def load(schema: Schema, document: Any) -> Any:
    """What `schema` makes of `document`. Raises `InvalidInput`; nothing that the schema does not know is taken."""
    try:
        return schema.load(document, unknown=RAISE)
    except ValidationError as error:
        raise InvalidInput(faults=list(faults_of(error.messages))) from error


def load_body(schema: Schema, document: Any) -> Any:
    """The same of a body, whose values have to be of JSON's kinds."""
    wrong = list(wrong_kinds(schema, document))
    try:
        loaded = load(schema, document)
    except InvalidInput as error:
        told = {fault.field for fault in error.faults}
        raise InvalidInput(faults=[*error.faults, *(one for one in wrong if one.field not in told)]) from error
    if wrong:
        raise InvalidInput(faults=wrong)
    return loaded


class Pointed(InvalidInput):
    """Faults of a body that no schema has seen: their fields are JSON pointers already."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults=faults)


class _Object(dict[str, Any]):
    """An object, and the names that stand in it more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counted = Counter(name for name, _value in pairs) if len(self) < len(pairs) else {}
        self.repeated = {name for name, count in counted.items() if count > 1}


def _parse(raw: bytes) -> Any:
    try:
        text = raw.decode("utf-8")
        return json.loads(text, object_pairs_hook=_Object, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise _malformed("the body is not UTF-8", offset=error.start) from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _malformed(f"the body is not JSON: {error.msg} at {place}", offset=error.pos) from error
    except RecursionError as error:
        raise Pointed([_too_deep("")]) from error
    except ValueError as error:
        # Whole numbers of thousands of digits; NaN and Infinity, which Python reads and JSON does not have.
        raise _malformed("the body has a number that is none", offset=0) from error


def _no_number(name: str) -> float:
    raise ValueError(name)


def _unfit(value: Any, pointer: str, depth: int) -> Iterator[Fault]:
    """Texts that cannot be kept, names that stand twice, and what is too deep; by JSON pointer."""
    if depth > MAX_DEPTH:
        yield _too_deep(pointer)
    elif isinstance(value, str):
        if _UNFIT.search(value):
            yield Fault(pointer, "malformed", "has a control character, or half of a surrogate pair")
    elif isinstance(value, _Object):
        for name in sorted(value.repeated):
            yield Fault(f"{pointer}/{escaped(_printable(name))}", "duplicate", "stands here more than once")
        for name, inner in value.items():
            step = f"{pointer}/{escaped(_printable(name))}"
            if _UNFIT.search(name):
                yield Fault(step, "malformed", "its name has a control character, or half of a surrogate pair")
            yield from _unfit(inner, step, depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _unfit(inner, f"{pointer}/{index}", depth + 1)


def _printable(name: str) -> str:
    return name.encode("utf-8", "replace").decode("utf-8")


def _too_deep(pointer: str) -> Fault:
    return Fault(pointer, "too_long", f"nested more than {MAX_DEPTH} levels deep")


def _too_large(max_bytes: int) -> Refused:
    return Refused("body_too_large", f"the body is larger than {max_bytes} bytes")


def _malformed(detail: str, *, offset: int) -> Refused:
    return Refused("json_malformed", detail, faults=[Fault("", "malformed", detail, {"offset": offset})])


def locator(body: Schema | None, query: Schema | None, document: Any, outside: Collection[str]) -> Locate:
    """What finds the place of a fault's field in a request. `outside`: parameters besides the query's. Pure."""
    parameters = {name: one.data_key or name for name, one in query.fields.items()} if query is not None else {}
    keys = {name: one.data_key or name for name, one in body.fields.items()} if body is not None else {}

    def locate(field: str) -> Mapping[str, str]:
        head = re.split(r"[.\[]", field, maxsplit=1)[0]
        if head not in keys and (head in parameters or head in outside or head in parameters.values()):
            return {"parameter": parameters.get(head, head)}
        if body is None and query is not None and field:
            return {"parameter": field}
        # A name that stands there as it is is not one that the API calls otherwise.
        key = head if isinstance(document, dict) and head in document else keys.get(head, head)
        return {"pointer": _pointer(key + field[len(head) :], document)}

    return locate


def _pointer(field: str, document: Any) -> str:
    """The JSON pointer of a path such as `options.hash`; names with dots in them are those that the document has."""
    pointer = ""
    while field:
        if found := re.match(r"\[(\d+)\]\.?", field):
            step, field = found[1], field[found.end() :]
            document = document[int(step)] if isinstance(document, list) and int(step) < len(document) else None
        else:
            names = document if isinstance(document, dict) else {}
            ends = (name for name in names if field == name or field.startswith((f"{name}.", f"{name}[")))
            step = max(ends, key=len, default="") or re.split(r"[.\[]", field, maxsplit=1)[0]
            field = field[len(step) :].removeprefix(".") if step else ""
            document = names.get(step)
        pointer += f"/{escaped(step)}"
    return pointer
