"""The operator's own sender: entries whose scheme is made from the options of the source.

An option that cannot be followed is a rejection of everything, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from gateway.providers.model import Provider
from gateway.providers.webhook.model import Scheme
from gateway.providers.webhook.parts import Signature
from gateway.providers.webhook.places import Place, parse_place, parse_template
from gateway.webhooks.verification.rejection import mismatch

FUNCTION = "generic_hmac"


def specialised(provider: Provider, options: Mapping[str, str]) -> Provider:
    """The provider as the options of the source have it; the provider itself unless it is a generic one.

    Raises Rejected when an option cannot be followed.
    """
    schemes = provider.webhook.schemes
    if not schemes or schemes[0].function != FUNCTION:
        return provider
    made = _specialise(provider, tuple(sorted(options.items())))
    if isinstance(made, str):
        raise mismatch(made)
    return made


@lru_cache(maxsize=1024)
def _specialise(provider: Provider, settings: tuple[tuple[str, str], ...]) -> Provider | str:
    """The specialised provider, or what is wrong with an option."""
    options = {name: option.default for name, option in provider.options.items() if option.default is not None}
    options |= {name: value for name, value in settings if value and name in provider.options}
    for name, value in options.items():
        choices = provider.options[name].choices
        if choices and value not in choices:
            return f"the option {name} must be one of {', '.join(choices)}"
    try:
        schemes = tuple(_scheme(scheme, options) for scheme in provider.webhook.schemes)
        event_type = _places(options, "event_type", provider.webhook.event_type)
        event_id = _places(options, "event_id", provider.webhook.event_id)
    except ValueError as error:
        return f"an option cannot be used: {error}"
    return replace(
        provider, webhook=replace(provider.webhook, schemes=schemes, event_type=event_type, event_id=event_id)
    )


def _scheme(scheme: Scheme, options: Mapping[str, str]) -> Scheme:
    if scheme.function != FUNCTION:
        return scheme
    place = parse_place(f"header:{options['header']}")
    signature = Signature((place,), prefix=options.get("prefix", ""), encoding=options["encoding"])
    return replace(
        scheme,
        family="hmac",
        hash=options["hash"],
        function=None,
        signature=signature,
        signs=(parse_template("{body}"),),
    )


def _places(options: Mapping[str, str], name: str, default: tuple[Place, ...]) -> tuple[Place, ...]:
    """The operator's places, header first; the entry's own when none is configured."""
    header, path = options.get(f"{name}_header"), options.get(f"{name}_path")
    places = [f"header:{header}"] if header else []
    places += [f"json:{path}"] if path else []
    return tuple(parse_place(text) for text in places) or default
