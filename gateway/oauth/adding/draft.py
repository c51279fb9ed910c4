"""A connection as somebody asks for it, without a browser; what it may be like. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.errors import Fault, InvalidInput
from gateway.providers import Provider
from gateway.providers.api.model import Api
from gateway.providers.ways import Way, ways

BY_APP = ("client_credentials", "jwt_bearer")
BY_KEY = ("api_key", "basic", "open")
USUAL_VALUES = ("key", "username", "password")
"""What most ways ask for. Secrets of other names are those that an entry has beside them."""
MAX_CHARACTERS = 16_384
MAX_REFERENCE_CHARACTERS = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionDraft:
    """`way` None: the one that the provider has, or that fits what is given. `values` are what the way asks for, by
    name (`key`, or `username` and `password`, and further secrets of the entry), blanks around them taken off.
    `reconnect` is the connection that gets these credentials in place of its own.
    """

    provider: str
    way: str | None = None
    app_credentials: str | None = None
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict)
    scopes: Sequence[str] | None = None
    reference: str | None = None
    reconnect: str | None = None
    is_tested: bool = True


def chosen_way(provider: Provider, draft: ConnectionDraft) -> Way:
    """The way that is meant. Raises `InvalidInput` where the provider has none such, or several fit."""
    there = {way.kind: way for way in ways(provider) if way.kind in (*BY_APP, *BY_KEY)}
    if draft.way is not None:
        if draft.way not in there:
            known = ", ".join(there) or "only by a browser"
            raise InvalidInput.at("way", "not_allowed", f"{provider.id} is not connected by {draft.way} ({known})")
        return there[draft.way]
    by_app = draft.app_credentials is not None
    fitting = [way for way in there.values() if (way.kind in BY_APP) is by_app]
    if draft.values and not by_app:
        usual = draft.values.keys() & set(USUAL_VALUES)
        fitting = [way for way in fitting if {one.name for one in way.asks} >= usual]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        message = f"{provider.id} can be connected by {' or '.join(way.kind for way in fitting)}: say which"
        raise InvalidInput.at("way", "ambiguous", message)
    if not there:
        message = f"{provider.id} is connected by a browser: its customer has to agree there"
    else:
        message = f"{provider.id} is not connected with what is given (there is: {', '.join(there)})"
    raise InvalidInput.at("way", "not_allowed", message)


def judged(provider: Provider, way: Way, draft: ConnectionDraft) -> tuple[dict[str, str], dict[str, str]]:
    """The secrets and the parameters of a draft, as they are stored. Raises `InvalidInput` with every fault; those of
    parameters of ways by OAuth are found with their app.
    """
    values = {name: value.strip() for name, value in draft.values.items()}
    by_key = way.kind in BY_KEY
    asked = [one for one in way.asks if by_key and (provider.api is None or one.name not in provider.api.parameters)]
    found = [
        *_value_faults(values, [one.name for one in asked]),
        *_app_faults(draft, by_key=by_key),
        *_reference_faults(draft.reference),
    ]
    parameters = dict(draft.parameters)
    if by_key and provider.api is not None:
        found += _parameter_faults(provider.api, parameters)
        defaults = {name: one.default for name, one in provider.api.parameters.items() if one.default is not None}
        parameters = {**defaults, **parameters}
    if found:
        raise InvalidInput(faults=found)
    return values, parameters


def _value_faults(values: Mapping[str, str], asked: Sequence[str]) -> Iterator[Fault]:
    for name in asked:
        if not values.get(name):
            yield Fault(_field(name), "missing", f"{name} is missing, or empty")
    for name, value in values.items():
        field = _field(name)
        if name not in asked:
            takes = ", ".join(asked) or "nothing"
            yield Fault(field, "not_taken", f"this way does not take {name} (it takes: {takes})")
        elif len(value) > MAX_CHARACTERS:
            yield Fault(field, "too_long", f"{name} has more than {MAX_CHARACTERS} characters")
        elif not value.isprintable():
            yield Fault(field, "malformed", f"{name} has a line break or another character that no credential has")


def _field(name: str) -> str:
    return name if name in USUAL_VALUES else f"secrets.{name}"


def _app_faults(draft: ConnectionDraft, *, by_key: bool) -> Iterator[Fault]:
    if by_key and draft.app_credentials is not None:
        yield Fault("app_credentials", "not_taken", "this way needs no app credentials")
    if by_key and draft.scopes:
        yield Fault("scopes", "not_taken", "what a key may do is said where it was made")
    if not by_key and draft.app_credentials is None:
        yield Fault("app_credentials", "missing", "this way needs app credentials")


def _reference_faults(reference: str | None) -> Iterator[Fault]:
    if reference is None:
        return
    if not reference or len(reference) > MAX_REFERENCE_CHARACTERS:
        yield Fault("reference", "too_long", f"a reference has 1 to {MAX_REFERENCE_CHARACTERS} characters")
    elif not reference.isprintable():
        yield Fault("reference", "malformed", "a reference has no line breaks or other control characters")


def _parameter_faults(api: Api, given: Mapping[str, str]) -> Iterator[Fault]:
    for name in sorted(given.keys() - api.parameters.keys()):
        there = ", ".join(api.parameters) or "none"
        yield Fault(f"parameters.{name}", "not_taken", f"there is no parameter {name!r} (there is: {there})")
    for name, parameter in api.parameters.items():
        value = given.get(name, parameter.default)
        if value is None:
            yield Fault(f"parameters.{name}", "missing", f"{name} is missing: {parameter.about}")
        elif re.fullmatch(parameter.pattern, value, re.ASCII) is None:
            yield Fault(f"parameters.{name}", "malformed", f"{name} does not match its pattern: {parameter.about}")
