"""Every request that is signed tells what was, and nothing that is only beside it changes that."""

from __future__ import annotations

from typing import Any

from gateway.providers.webhook.coverage import coverage_of
from gateway.webhooks.verification import InboundRequest, SignedText
from tests.services.for_each import for_each
from tests.unit.verification.conftest import VALID


@for_each(VALID)
def test_what_is_signed_is_told_and_what_stands_beside_it_is_no_part(valid: Any) -> None:
    signed = valid.judge().signed
    if not coverage_of(valid.provider.webhook, valid.scheme).is_signed:
        assert signed is None
        return
    request = valid.request
    headers = [("X-Beside", "it"), *request.headers]
    again = valid.judge(request=InboundRequest(request.method, request.url, headers, request.body))
    assert again.signed.digest("src_1", 16) == signed.digest("src_1", 16) != signed.digest("src_2", 16)
    assert repr(signed) == "SignedText()"


def test_texts_cannot_be_divided_otherwise() -> None:
    divided = [(b"ab",), (b"a", b"b"), (b"", b"ab"), (b"ab", b""), (b"a\x001\x00b",)]
    assert len({SignedText(texts).digest("src_1", 16) for texts in divided}) == len(divided)
