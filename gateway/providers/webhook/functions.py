"""The verification functions that a catalogue file may ask for, and what of a request each reads and covers.

They are for what the notation cannot express; their code is in `gateway.webhooks.verification.functions`, which a
contract test holds to this list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.providers.webhook.places import Place, Template, parse_place, parse_template


@dataclass(frozen=True, slots=True)
class Function:
    """A function as data. `proof` are the places of its signature, which covers what `covers` names, in whatever form.

    `nonce` is a covered value that the vendor uses once; `max_age_seconds` how old a signature may be, None without a
    limit; `lists_headers` says that the sender chooses further headers and lists them.
    """

    proof: tuple[Place, ...]
    covers: Template
    nonce: tuple[Place, ...] = ()
    max_age_seconds: float | None = None
    lists_headers: bool = False


def _function(
    proof: str,
    covers: str,
    *,
    nonce: str | None = None,
    max_age_seconds: float | None = None,
    lists_headers: bool = False,
) -> Function:
    once = (parse_place(nonce),) if nonce is not None else ()
    return Function((parse_place(proof),), parse_template(covers), once, max_age_seconds, lists_headers)


FUNCTIONS: Mapping[str, Function] = {
    "contentful": _function(
        "header:X-Contentful-Signature",
        "{method}{path}{query}{header:X-Contentful-Signed-Headers}{header:X-Contentful-Timestamp}{body}",
        max_age_seconds=30,
        lists_headers=True,
    ),
    # Its header is an option of the source; this is the default.
    "generic_hmac": _function("header:X-Signature", "{body}"),
    "paddle_classic": _function("form:p_signature", "{form_sorted}"),
    "plivo_v3": _function(
        "header:X-Plivo-Signature-V3",
        "{url}{form_sorted}{header:X-Plivo-Signature-V3-Nonce}",
        nonce="header:X-Plivo-Signature-V3-Nonce",
    ),
    "segment_batch": _function("header:X-Signature", "{json:0}"),
    "truelayer_jws": _function("header:Tl-Signature", "{method}{path}{body}", lists_headers=True),
}
