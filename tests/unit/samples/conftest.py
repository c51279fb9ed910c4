"""What every provider's source would hold, made up so that it is written as the scheme wants it."""

from __future__ import annotations

import base64

from gateway.providers import Provider, Scheme, catalogue
from gateway.webhooks.samples.documents import default_type
from gateway.webhooks.samples.event import SampleRequest, sample_request
from gateway.webhooks.samples.signing import Held, Moment
from gateway.webhooks.verification import Credentials, InboundRequest, Verdict, judge

NOW = 1_795_171_821
URL = "https://gw.example.com/webhooks/sample"
MOMENT = Moment("0b7f7d9e-5a0a-4c59-9d5c-2f3d6a0f6f11", NOW)
OTHER_KEY = b"another key, of thirty-two bytes"
KEY = b"the key of these samples, 32 by."


def secret_for(scheme: Scheme, key: bytes = KEY) -> str:
    """A secret that the steps of the scheme can be applied to."""
    steps = scheme.key.steps
    if "base64" in steps:
        return ("whsec_" if "strip:whsec_" in steps else "") + base64.b64encode(key).decode()
    if "hex" in steps:
        return key.hex()
    return base64.b64encode(key).decode()


def held_for(scheme: Scheme, key: bytes = KEY) -> Held:
    return Held(secret_for(scheme, key), "user", base64.b64encode(key).decode(), "public-1")


def options_for(provider: Provider) -> dict[str, str]:
    """A value for every option that has no default and is needed."""
    webhook = provider.webhook
    names = frozenset().union(*(scheme.options for scheme in webhook.schemes)) | webhook.handshake_options
    return {name: f"value-of-{name}" for name in sorted(names) if provider.options[name].default is None}


def sample_of(provider: Provider, scheme: Scheme, event_type: str | None = None, **values: object) -> SampleRequest:
    values = {"url": URL, "options": options_for(provider)} | values
    return sample_request(
        provider, scheme, held_for(scheme), MOMENT, event_type=event_type or default_type(provider), **values
    )


def judged(provider: Provider, scheme: Scheme, request: SampleRequest, key: bytes = KEY) -> Verdict:
    """What the engine says of a sample, with the scheme chosen."""
    held = held_for(scheme, key)
    credentials = Credentials(
        secrets=[held.secret],
        username=held.username,
        password=held.password,
        public_key=held.public_key,
        options=options_for(provider),
    )
    inbound = InboundRequest(request.method, request.url, request.headers, request.body)
    return judge(provider, inbound, credentials, now=float(NOW), scheme=scheme.id)


SCHEMES = [(provider, scheme) for provider in catalogue().values() for scheme in provider.webhook.schemes]
