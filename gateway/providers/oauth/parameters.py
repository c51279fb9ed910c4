"""The values of an entry's parameters, as somebody gives them, judged before they come near a URL. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from gateway.errors import Fault, Hint, InvalidInput
from gateway.providers.oauth.hosts import url_fault
from gateway.providers.oauth.parts import Parameter

FIELD = "parameters"


def completed(
    parameters: Mapping[str, Parameter], given: Mapping[str, str], *, plain_http: bool = False
) -> dict[str, str]:
    """The values as they stand in templates: defaults filled in, what we add taken off, optional ones that are missing
    left out. What is completed already stays as it is.

    `plain_http`: a URL of a loopback host may do without TLS. Raises `InvalidInput` with every fault.
    """
    values = {
        name: parameter.default if given.get(name) in (None, "") and parameter.default is not None else given.get(name)
        for name, parameter in parameters.items()
    }
    shortened = {name: value.removesuffix(parameters[name].suffix) for name, value in values.items() if value}
    found = [*_unknown(parameters, given), *_faults(parameters, shortened, plain_http=plain_http)]
    if found:
        raise InvalidInput(faults=found)
    return {name: parameters[name].choices.get(value, value) for name, value in shortened.items()}


def _unknown(parameters: Mapping[str, Parameter], given: Mapping[str, str]) -> Iterator[Fault]:
    known = ", ".join(parameters) or "none"
    for name in given.keys() - parameters.keys():
        yield Fault(f"{FIELD}.{name}", "not_taken", f"there is no parameter {name!r} (there is: {known})")


def _faults(parameters: Mapping[str, Parameter], values: Mapping[str, str], *, plain_http: bool) -> Iterator[Fault]:
    for name, parameter in parameters.items():
        if name not in values:
            if not parameter.optional:
                yield Fault(
                    f"{FIELD}.{name}",
                    "missing",
                    f"{name} is missing: {parameter.about}",
                    hint=Hint("give_parameter", {"name": name}),
                )
        elif (reason := _fault(parameter, values[name], plain_http=plain_http)) is not None:
            yield Fault(f"{FIELD}.{name}", "malformed", f"{name} {reason}: {parameter.about}")


def _fault(parameter: Parameter, value: str, *, plain_http: bool) -> str | None:
    if parameter.kind == "url":
        return url_fault(value, plain_http=plain_http)
    if parameter.choices:
        is_known = value in parameter.choices or value in parameter.choices.values()
        return None if is_known else f"is one of {', '.join(parameter.choices)}"
    if not value.isprintable() or value in (".", ".."):
        return "cannot be that"
    if parameter.pattern is not None and re.fullmatch(parameter.pattern, value, re.ASCII) is None:
        return "does not match its pattern"
    return None
