"""A small catalogue file that is right, for tests to break."""

from __future__ import annotations

import pytest


@pytest.fixture
def entry() -> str:
    return """\
name: Acme
category: tests
docs: Acme's handbook
evidence: {level: docs, by: [handbook], ids: seen}
webhook:
  schemes:
  - id: default
    method: hmac-sha256
    signature: {in: header:X-Acme-Signature, prefix: sha256=, encoding: hex}
    signs: "{body}"
  event: {type: json:type, id: header:X-Acme-Id}
"""
