"""A rejected request and all that is known about whom it was for: what the diagnosis reasons from.

Plain values: reading them from the database is `stored`'s matter, from files the command line's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.errors import Hint
from gateway.providers import Provider, Scheme
from gateway.webhooks.verification import Credentials, InboundRequest, Verdict, judge


@dataclass(frozen=True, slots=True)
class OldCredential:
    """A credential that the source had: `kind` is `secret`, `public_key`, … `ended` says when it ended, for people."""

    kind: str
    value: str = field(repr=False)
    ended: str


@dataclass(frozen=True, slots=True)
class OtherSource:
    """Another source of the same tenant; what it holds is tried, and never shown."""

    slug: str
    provider: Provider | None
    scheme: str | None
    credentials: Credentials


@dataclass(frozen=True, slots=True)
class Case:
    """One request to explain.

    `now` is when it came (seconds since the epoch); `scheme` the source's choice; `total_bytes` the length that the
    body had, which is more than `request.body` has where only a part was kept. `source` is the slug, where known.
    `waited_too_long` says that the provider should have handed over its secret by now, and may no longer. `is_dated`
    says that `now` is when the request came, and not merely when somebody asks.
    """

    provider: Provider
    request: InboundRequest
    credentials: Credentials
    now: float
    scheme: str | None = None
    source: str | None = None
    total_bytes: int | None = None
    is_dated: bool = True
    waited_too_long: bool = False
    ended: Sequence[OldCredential] = ()
    others: Sequence[OtherSource] = ()
    catalogue: Mapping[str, Provider] = field(default_factory=dict)

    @property
    def is_truncated(self) -> bool:
        """Whether a part of the body is missing here, so that no signature over it can fit."""
        return self.total_bytes is not None and self.total_bytes > len(self.request.body)

    def judge(self) -> Verdict:
        """What verification says."""
        return judge(self.provider, self.request, self.credentials, now=self.now, scheme=self.scheme)

    def schemes(self) -> Sequence[Scheme]:
        """The schemes that may verify it: the source's choice, the operator's default, or all."""
        schemes = self.provider.webhook.schemes
        if self.scheme is not None:
            return [scheme for scheme in schemes if scheme.id == self.scheme]
        return schemes[:1] if self.provider.webhook.choose == "operator" else schemes

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever the case of its name."""
        wanted = name.lower()
        return next((value for key, value in self.request.headers if key.lower() == wanted), None)

    def hint(self, action: str, **parameters: object) -> Hint:
        """A hint about the source; without its slug where no source is known."""
        return Hint(action, parameters if self.source is None else {"slug": self.source, **parameters})

    def with_request(
        self,
        *,
        method: str | None = None,
        url: str | None = None,
        headers: Sequence[tuple[str, str]] | None = None,
        body: bytes | None = None,
    ) -> Case:
        """The same with parts of the request exchanged."""
        old = self.request
        request = InboundRequest(
            method or old.method,
            old.url if url is None else url,
            old.headers if headers is None else headers,
            old.body if body is None else body,
        )
        return replace(self, request=request)

    def with_credential(self, kind: str, value: str) -> Case:
        """The same with this credential in the place of those of its kind."""
        held = self.credentials
        match kind:
            case "secret":
                return self.with_secrets((value,))
            case "public_key":
                return replace(self, credentials=replace(held, public_key=value))
            case "username":
                return replace(self, credentials=replace(held, username=value))
            case "password":
                return replace(self, credentials=replace(held, password=value))
            case _:
                return self

    def with_secrets(self, secrets: Sequence[str | bytes]) -> Case:
        """The same with other secrets."""
        return replace(self, credentials=replace(self.credentials, secrets=secrets))
