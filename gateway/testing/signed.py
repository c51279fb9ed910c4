"""Events as their vendors send them, signed with a secret of the tests: samples, and captured ones."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from gateway.errors import InvalidInput
from gateway.providers import Provider, Scheme, catalogue, find_provider
from gateway.testing.fixture_file import CapturedEvent, read_fixture
from gateway.webhooks.samples.documents import default_type
from gateway.webhooks.samples.event import sample_request
from gateway.webhooks.samples.signing import Held, Moment, choose_scheme

URL = "https://gateway.test/webhooks/"
USERNAME = "test"
_SECRET = hashlib.sha256(b"a secret of tests").hexdigest()


@dataclass(frozen=True)
class SignedEvent:
    """A request as the vendor would send it. `secret` is what it is signed with, and your application is to know."""

    provider: str
    source: str
    type: str
    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    secret: str = field(repr=False)

    @cached_property
    def json(self) -> Any:
        """The body, parsed. Raises `ValueError` when it is no JSON."""
        return json.loads(self.body)


def signed_event(
    provider: str,
    event_type: str | None = None,
    *,
    body: bytes | Mapping[str, Any] | None = None,
    secret: str | None = None,
    source: str | None = None,
    url: str | None = None,
    scheme: str | None = None,
    options: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    providers_dir: Path | None = None,
) -> SignedEvent:
    """An event of `event_type` (the provider's first sample without), new each time. `body` replaces the sample's.

    `secret` is a fixed one of tests unless given. `url` is where the vendor would call, which some sign; `options` are
    what a source of the provider is told. Raises `NotFound` for unknown providers, and `InvalidInput` where nothing can
    be signed: a vendor with a private key of its own.
    """
    entry = find_provider(catalogue(providers_dir), provider)
    entry.require_webhooks()
    known = secret or secret_of_tests(entry, scheme)
    held = Held(known, USERNAME, known)
    chosen = event_type or default_type(entry)
    request = sample_request(
        entry,
        choose_scheme(entry, scheme, held),
        held,
        Moment(str(uuid.uuid4()), int(time.time())),
        event_type=chosen,
        url=url or URL + (source or provider),
        options=options or {},
        body=json.dumps(body).encode() if isinstance(body, Mapping) else body,
        headers=headers,
    )
    shown = dict(request.headers)
    return SignedEvent(provider, source or provider, chosen, request.method, request.url, shown, request.body, known)


def captured_event(path: Path | str, *, secret: str | None = None, providers_dir: Path | None = None) -> SignedEvent:
    """The event of a file that was captured, signed anew. Raises as `signed_event`, and for what is no such file."""
    captured: CapturedEvent = read_fixture(Path(path))
    return signed_event(
        captured.provider,
        captured.type,
        body=captured.body,
        secret=secret,
        source=captured.source,
        scheme=captured.scheme,
        options=captured.options,
        headers=captured.headers,
        providers_dir=providers_dir,
    )


def find_fixture(folder: Path, name: str) -> Path:
    """The file of a captured event: `github.push`, with or without `.json`. Raises `InvalidInput` that names some."""
    path = folder / (name if name.endswith(".json") else f"{name}.json")
    if path.is_file():
        return path
    known = ", ".join(sorted(one.stem for one in folder.glob("*.json"))[:10]) or "none"
    raise InvalidInput(f"there is no captured event {name!r} in {folder}; there is: {known}")


def secret_of_tests(provider: Provider, scheme: str | None = None) -> str:
    """The secret that events are signed with unless another is given, written as the provider wants it."""
    wanted: Scheme = choose_scheme(provider, scheme, Held(_SECRET))
    steps = wanted.key.steps
    encoded = base64.b64encode(bytes.fromhex(_SECRET)).decode()
    if "strip:whsec_" in steps:
        return f"whsec_{encoded}"
    return encoded if any(step.startswith("base64") for step in steps) else _SECRET
