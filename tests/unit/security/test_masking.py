"""Masking: nothing that tells of people or opens doors is left, and what belonged together still does."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.security.masking import Masker

DOCUMENT = {
    "action": "opened",
    "number": 1234,
    "issue": {"title": "Ada Lovelace asks, from 203.0.113.9", "user": {"login": "ada-l", "id": 7}},
    "repository": {"name": "engine", "url": "https://api.github.test/repos/ada-l/engine"},
    "customer": {"name": "Ada Lovelace", "email": "ada@lovelace.org", "phone": "+44 20 7946 0958"},
    "billingAddress": {"line1": "12 St James's Square", "zip": 12345, "is_default": True},
    "note": "write to ada@lovelace.org, card 4242 4242 4242 4242, order 4242 4242 4242 4241",
    "access_token": "abc",
    "hook": {"config": {"secret": "s3cret-value"}},
    "text": "Bearer abcdefghij",
}
PERSONAL = ("Ada", "ada", "lovelace", "203.0.113.9", "7946", "James", "12345", "4242 4242 4242 4242", "abc", "s3cret")


def test_nothing_personal_is_left_and_what_belonged_together_still_does() -> None:
    masker = Masker()
    masked = masker.document(DOCUMENT)
    text = json.dumps(masked)
    assert [one for one in PERSONAL if one in text] == []
    login = masked["issue"]["user"]["login"]
    assert masked["repository"]["url"] == f"https://api.github.test/repos/{login}/engine"
    assert masked["customer"]["email"] in masked["note"]
    assert masked["customer"]["name"] in masked["issue"]["title"]
    assert (masked["action"], masked["number"], masked["repository"]["name"]) == ("opened", 1234, "engine")
    assert masked["billingAddress"]["is_default"] is True
    assert "4242 4242 4242 4241" in masked["note"]
    assert masker.count > 0


def test_names_may_be_added_and_kept() -> None:
    masked = Masker(also=["ref"], keep=["login"]).document({"ref": "A-4711", "login": "ada-l", "about": "A-4711"})
    assert masked == {"ref": "masked-1", "login": "ada-l", "about": "masked-1"}


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(DOCUMENTS)
def test_any_document_is_masked_and_nothing_is_raised(document: object) -> None:
    json.dumps(Masker().document(document))


def test_what_is_deep_is_taken_out() -> None:
    deep: object = "ada@lovelace.org"
    for _ in range(300):
        deep = [deep]
    assert "ada" not in json.dumps(Masker().document(deep))
