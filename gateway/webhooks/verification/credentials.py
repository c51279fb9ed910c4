"""What a source holds to check its callers with. Nothing of it shows in a repr (law 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """Secrets, keys and the operator's values of one source.

    `secrets`: every one that is valid now; each is tried. `public_key`: one, or several during a rotation (PEM,
    base64 or hex, as the scheme says). `certs`: PEM by the URL it was fetched from, or by key id for Google's.
    `root_certs`: PEM or base64 DER that certificate chains must end in. `jwks`: a JSON Web Key Set.
    `pending_handshake`: whether a handshake may bring the secret now. `options`: the operator's values by name.
    """

    secrets: Sequence[str | bytes] = field(default=(), repr=False)
    public_key: str | Sequence[str] = field(default=(), repr=False)
    certs: Mapping[str, str] = field(default_factory=dict, repr=False)
    root_certs: Sequence[str] = field(default=(), repr=False)
    jwks: Mapping[str, object] | None = field(default=None, repr=False)
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    pending_handshake: bool = False
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        # A text is a sequence of texts too: taken as such, each of its letters would be a secret.
        if isinstance(self.secrets, str | bytes):
            object.__setattr__(self, "secrets", (self.secrets,))

    @property
    def public_keys(self) -> Sequence[str]:
        """All public keys, whether one or several were given."""
        if isinstance(self.public_key, str):
            return (self.public_key,) if self.public_key else ()
        return self.public_key
