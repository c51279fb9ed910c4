"""Nothing that a stranger can send makes the engine raise, or accept without the secret."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.providers import Provider, catalogue
from gateway.webhooks.verification import Credentials, InboundRequest, judge, material_needed

PROVIDERS = [
    provider for provider in catalogue().values() if not any(one.unsigned for one in provider.webhook.schemes[:1])
]
CREDENTIALS = Credentials(
    secrets=["0f" * 24, "d2hhdGV2ZXIgaXQgaXMgaGVyZQ=="],
    public_key="4a96eb4ebb255c578a317af33ea6477413d099808ca5a80a084e9d31459032b2",
    username="u",
    password="p" * 40,
    jwks={"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]},
    root_certs=["AAAA"],
    options={"audience": "a", "webhook_id": "w", "verify_token": "v" * 40, "app_key": "k", "service_id": "s"},
    pending_handshake=False,
)


def header_names(provider: Provider) -> list[str]:
    """The headers that the provider's entry reads, so that the examples reach its code."""
    names = {"content-type", "authorization"}
    for scheme in provider.webhook.schemes:
        parts = (scheme.signature, scheme.token, scheme.jwt, scheme.timestamp)
        places = [place for part in parts if part is not None for place in part.places]
        names |= {place.name for place in (*places, *scheme.message_id) if place.kind == "header"}
        names |= {condition.place.name for condition in scheme.when if condition.place.kind == "header"}
    return sorted(names)


VALUES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "",
            "t=1,v1=" + "0" * 64,
            "v1," + "A" * 43 + "=",
            "sha256=" + "0" * 64,
            "Bearer e30.e30.e30",
            "Basic Og==",
            "eyJhbGciOiJub25lIn0.e30.",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=X",
            "application/json",
            "1970-01-01T00:00:00Z",
            "0",
            "NaN",
            "é",
            "\ud800",
            "\x00\r\n",
        ]
    ),
)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b'{"n": ' + b"9" * 5_000 + b"}",
            b'{"Type": "Notification", "SignatureVersion": "1", "SigningCertURL": "https://x", "Signature": "AA=="}',
            b'{"value": [{"clientState": 1}], "signedPayload": "a.b.c", "challenge": [], "events": []}',
            b'--X\r\nContent-Disposition: form-data; name="json"\r\n\r\n{}\r\n--X--',
            b"a=%ff&b=%&c&=&json={&bt_signature=|&p_signature=AA",
            b"\x1f\x8b\x08",
            b"null",
        ]
    ),
)
URLS = st.one_of(
    st.sampled_from(
        ["https://gw.example.com/x?a=1", "https://[::1", "", "//", "?bodySHA256=x", "https://a/?\ud800=\x00"]
    ),
    st.text(max_size=40),
)


@st.composite
def requests(draw: st.DrawFn) -> tuple[Provider, InboundRequest]:
    """A provider, and a request that has some of the headers its entry reads."""
    provider = draw(st.sampled_from(PROVIDERS))
    headers = draw(st.lists(st.tuples(st.sampled_from(header_names(provider)), VALUES), max_size=6))
    method = draw(st.sampled_from(["POST", "GET", "HEAD", "OPTIONS", "PUT", "", "é"]))
    return provider, InboundRequest(method, draw(URLS), headers, draw(BODIES))


@settings(max_examples=100, derandomize=True)
@given(requests())
def test_nothing_raises_and_nothing_is_accepted(case: tuple[Provider, InboundRequest]) -> None:
    provider, request = case
    for scheme in provider.webhook.schemes:
        if scheme.unsigned:
            continue
        verdict = judge(provider, request, CREDENTIALS, now=0.0, scheme=scheme.id)
        assert not verdict.accepted
        assert "could not be judged" not in verdict.detail
        material_needed(provider, request, scheme=scheme.id)
