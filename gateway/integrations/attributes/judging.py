"""Whether values are what attributes ask for; everything that is wrong is told, by field. No secret is quoted."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from gateway.errors import Fault, Hint, InvalidInput
from gateway.integrations.attributes.attribute import Attribute, AttributeKind
from gateway.suggestions import suggest

CONFIGURATION: Final = "configuration"
SECRETS: Final = "secrets"
LONGEST_TEXT: Final = 8_192
LARGEST_BYTES: Final = 262_144
"""Of a whole configuration, as JSON."""

_Judge = Callable[[Attribute, Any], Iterator[tuple[str, str, Mapping[str, object]]]]


def completed(attributes: Sequence[Attribute], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, and the defaults of what is not. An attribute without either is not in it."""
    defaults = {one.key: one.default for one in attributes if one.default is not None}
    return {**defaults, **{key: value for key, value in given.items() if value is not None}}


def configuration_faults(
    attributes: Sequence[Attribute], given: Mapping[str, Any], *, plain_http: bool = False, is_connected: bool = False
) -> list[Fault]:
    """What is wrong with a configuration, without its secrets. `plain_http`: URLs may do without TLS; `is_connected`: a
    connection is used.
    """
    open_ones = {one.key: one for one in attributes if not one.is_secret}
    found = list(_unknown(given, open_ones, attributes))
    for key, attribute in open_ones.items():
        value = given.get(key)
        if value is not None:
            found += _value_faults(attribute, value, plain_http=plain_http)
        elif attribute.default is None and _is_asked(attribute, is_connected=is_connected):
            found.append(_missing(CONFIGURATION, attribute))
    if not found and len(orjson.dumps(given)) > LARGEST_BYTES:
        message = f"the configuration is larger than {LARGEST_BYTES} bytes"
        found.append(Fault(CONFIGURATION, "too_long", message, {"at_most": LARGEST_BYTES}))
    return found


def secret_faults(
    attributes: Sequence[Attribute],
    given: Mapping[str, str],
    *,
    held: Collection[str] = (),
    is_connected: bool = False,
) -> list[Fault]:
    """What is wrong with secrets; `held` are the keys of those that there are already."""
    secret_ones = {one.key: one for one in attributes if one.is_secret}
    found = []
    for key in given.keys() - secret_ones.keys():
        if key in {one.key for one in attributes}:
            message = f"{key} is no secret: give it as a setting"
        else:
            message = f"there is no secret {key!r}"
        hint = suggest(key, secret_ones, Hint("choose_one_of", {"names": list(secret_ones)}))
        found.append(Fault(f"{SECRETS}.{key}", "unknown", message, {"values": list(secret_ones)}, hint))
    for key, attribute in secret_ones.items():
        value = given.get(key)
        if value is None:
            if key not in held and _is_asked(attribute, is_connected=is_connected):
                found.append(_missing(SECRETS, attribute))
        elif not value.strip():
            found.append(Fault(f"{SECRETS}.{key}", "missing", f"{attribute.label} is empty"))
        elif len(value) > LONGEST_TEXT:
            message = f"{attribute.label} is longer than {LONGEST_TEXT} characters"
            found.append(Fault(f"{SECRETS}.{key}", "too_long", message, {"at_most": LONGEST_TEXT}))
        elif "\x00" in value or (attribute.pattern is not None and not re.fullmatch(attribute.pattern, value)):
            message = f"{attribute.label} does not look like one: copy it again, whole"
            found.append(Fault(f"{SECRETS}.{key}", "malformed", message))
    return found


def raise_faults(faults: Sequence[Fault]) -> None:
    """Raise `InvalidInput` with all of them, where there are some."""
    if faults:
        raise InvalidInput(faults=faults)


def _unknown(
    given: Mapping[str, Any], known: Mapping[str, Attribute], attributes: Sequence[Attribute]
) -> Iterator[Fault]:
    secrets = {one.key for one in attributes if one.is_secret}
    for key in given:
        if key in secrets:
            message = f"{key} is a secret, and is given as one"
            yield Fault(f"{CONFIGURATION}.{key}", "not_taken", message, hint=Hint("give_as_secret", {"name": key}))
        elif key not in known:
            hint = suggest(key, known, Hint("choose_one_of", {"names": list(known)}))
            yield Fault(
                f"{CONFIGURATION}.{key}", "unknown", f"there is no setting {key!r}", {"values": list(known)}, hint
            )


def _is_asked(attribute: Attribute, *, is_connected: bool) -> bool:
    return attribute.required and not (attribute.unless_connected and is_connected)


def _missing(section: str, attribute: Attribute) -> Fault:
    help_text = f": {attribute.help}" if attribute.help else ""
    hint = Hint("give_as_secret", {"name": attribute.key}) if attribute.is_secret else None
    return Fault(f"{section}.{attribute.key}", "missing", f"{attribute.label} is missing{help_text}", hint=hint)


def _value_faults(attribute: Attribute, value: Any, *, plain_http: bool) -> Iterator[Fault]:
    judge = _url_judge(plain_http=plain_http) if attribute.kind is AttributeKind.URL else _JUDGES[attribute.kind]
    for code, message, parameters in judge(attribute, value):
        yield Fault(f"{CONFIGURATION}.{attribute.key}", code, f"{attribute.label} {message}", parameters)


def _string(attribute: Attribute, value: Any) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    if not isinstance(value, str):
        yield "malformed", "is no text", {}
    elif "\x00" in value:
        yield "malformed", "has a character that cannot be stored", {}
    elif len(value) > LONGEST_TEXT:
        yield "too_long", f"is longer than {LONGEST_TEXT} characters", {"at_most": LONGEST_TEXT}
    elif attribute.pattern is not None and not re.fullmatch(attribute.pattern, value):
        yield "malformed", "is not of the form that it has", {"pattern": attribute.pattern}
    else:
        yield from _bounds(attribute, len(value), "characters")


def _integer(attribute: Attribute, value: Any) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield "malformed", "is no whole number", {}
    else:
        yield from _bounds(attribute, value, "")


def _number(attribute: Attribute, value: Any) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        yield "malformed", "is no number", {}
    else:
        yield from _bounds(attribute, value, "")


def _boolean(_attribute: Attribute, value: Any) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    if not isinstance(value, bool):
        yield "malformed", "is neither true nor false", {}


def _choice(attribute: Attribute, value: Any) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    if value not in attribute.choices:
        yield "not_allowed", f"is none of {', '.join(attribute.choices)}", {"values": list(attribute.choices)}


def _list(attribute: Attribute, value: Any) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    if not isinstance(value, list) or not all(isinstance(one, str) and "\x00" not in one for one in value):
        yield "malformed", "is no list of texts", {}
        return
    if attribute.choices and (wrong := [one for one in value if one not in attribute.choices]):
        message = f"has {', '.join(map(repr, wrong[:3]))}, and may have {', '.join(attribute.choices)}"
        yield "not_allowed", message, {"values": list(attribute.choices)}
    yield from _bounds(attribute, len(value), "entries")


def _mapping(attribute: Attribute, value: Any) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        yield "malformed", "is no object", {}
    elif not _is_json(value):
        yield "malformed", "has keys that are no texts, or values that JSON does not have: put them into quotes", {}
    else:
        yield from _bounds(attribute, len(value), "members")


def _is_json(value: dict[str, Any]) -> bool:
    """YAML has more: keys that are numbers or truth values, and days."""
    try:
        orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATETIME)
    except TypeError:
        return False
    return True


def _url_judge(*, plain_http: bool) -> _Judge:
    def judge(attribute: Attribute, value: Any) -> Iterator[tuple[str, str, Mapping[str, object]]]:
        faults = list(_string(attribute, value))
        yield from faults
        if faults:
            return
        reason = _url_fault(value, plain_http=plain_http)
        if reason is not None:
            yield "malformed", reason, {}

    return judge


def _url_fault(value: str, *, plain_http: bool) -> str | None:
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme not in ("https", "http") or not host or not value.isprintable() or " " in value:
        return "is no URL that begins with https://"
    if parts.username is not None or parts.password is not None:
        return "has credentials in it: a URL is shown, give them as secrets"
    if parts.fragment or parts.query:
        return "has more than the address: leave out what follows ? and #"
    if parts.scheme == "http" and not plain_http:
        return "begins with http://, which is for installations that allow private addresses: use https://"
    return None


def _bounds(attribute: Attribute, size: float, unit: str) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    words = f" {unit}" if unit else ""
    if attribute.minimum is not None and size < attribute.minimum:
        yield "out_of_range", f"is less than {attribute.minimum:g}{words}", {"min": attribute.minimum}
    if attribute.maximum is not None and size > attribute.maximum:
        yield "out_of_range", f"is more than {attribute.maximum:g}{words}", {"max": attribute.maximum}


_JUDGES: Mapping[AttributeKind, _Judge] = {
    AttributeKind.STRING: _string,
    AttributeKind.INTEGER: _integer,
    AttributeKind.NUMBER: _number,
    AttributeKind.BOOLEAN: _boolean,
    AttributeKind.CHOICE: _choice,
    AttributeKind.LIST: _list,
    AttributeKind.MAPPING: _mapping,
}
