"""What a provider's answer is as data: a JSON object, or the fields of a form, as some answer. Pure.

A content type is a hint: JSON comes as text/html, and forms as text/plain.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jmespath
import orjson
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

from gateway.content import jsontext
from gateway.content.forms import URLENCODED, media_type_of, parse_query
from gateway.oauth.protocol.errors import ProviderAnswerInvalid

MAX_VALUES = 20_000
"""In one document."""
_FORM_TYPES = frozenset({URLENCODED, "text/plain", "text/html", ""})
_FORM_NAMES = frozenset({"access_token", "error"})
_MARK = b"\xef\xbb\xbf"


def document_of(content_type: str, body: bytes) -> Mapping[str, Any]:
    """The body's object. Raises `ProviderAnswerInvalid`, which says what it is instead and quotes nothing of it."""
    plain = body.removeprefix(_MARK).strip()
    if not plain:
        raise ProviderAnswerInvalid("the provider's answer is empty")
    if not jsontext.is_container(plain) and (form := _form(content_type, plain)) is not None:
        return form
    if jsontext.has_too_many_values(plain, MAX_VALUES):
        raise ProviderAnswerInvalid(f"the provider's answer has more than {MAX_VALUES} values")
    try:
        # Strict: no NaN, no half a surrogate, nothing that is not UTF-8, and no depth that ends the process.
        found = orjson.loads(plain)
    except ValueError as error:
        kind = media_type_of(content_type) or "of no type"
        raise ProviderAnswerInvalid(f"the provider's answer is not JSON ({_shown(kind)})") from error
    if not isinstance(found, dict):
        raise ProviderAnswerInvalid("the provider's answer is JSON, and no object")
    return found


def at(path: str, document: object) -> Any:
    """What stands at a JMESPath; None where there is nothing."""
    try:
        return _compiled(path).search(document)
    except (JMESPathError, ValueError, TypeError, RecursionError):
        return None


def text_at(path: str, document: object) -> str | None:
    """The same as a text: numbers and booleans as JSON has them; None for what is neither, and for an empty one."""
    found = at(path, document)
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, int | float):
        return str(found)
    return found if isinstance(found, str) and found else None


def _form(content_type: str, body: bytes) -> dict[str, Any] | None:
    """A form's fields, if it is one that tells of tokens. One that says something twice says nothing."""
    if media_type_of(content_type) not in _FORM_TYPES:
        return None
    try:
        fields = parse_query(body.decode("utf-8"))
    except UnicodeDecodeError:
        return None
    if fields is None or not _FORM_NAMES & fields.keys():
        return None
    return {name: values[0] for name, values in fields.items() if len(values) == 1}


@lru_cache(maxsize=1024)
def _compiled(path: str) -> ParsedResult:
    return jmespath.compile(path)


def _shown(kind: str) -> str:
    return kind[:60] if kind.isascii() and kind.isprintable() else "of a type that cannot be read"
