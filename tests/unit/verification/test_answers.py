"""The answers that vendors prescribe, and that such an answer reads nothing of the request."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.providers import CatalogueError, catalogue, load_file, parse_provider
from gateway.webhooks.verification import success_answer

ENTRY = Path(load_file.__code__.co_filename).parent / "catalogue" / "dropbox-sign.yaml"


def test_dropbox_sign_wants_its_words() -> None:
    answer = success_answer(catalogue()["dropbox-sign"])
    assert answer == (200, {"Content-Type": "text/plain"}, b"Hello API Event Received")


def test_all_others_get_the_gateway_s_own() -> None:
    prescribed = [name for name, provider in catalogue().items() if success_answer(provider) is not None]
    assert prescribed == ["dropbox-sign"]


def test_json_and_headers() -> None:
    text = ENTRY.read_text().replace(
        "answer: {type: text/plain, body: Hello API Event Received}",
        "answer: {status: 202, type: application/json, json: {ok: true, text: fine}, headers: {X-Taken: 'yes'}}",
    )
    answer = success_answer(parse_provider("own", text, origin="own.yaml"))
    assert answer is not None
    assert answer.body == b'{"ok":true,"text":"fine"}'
    assert answer.headers == {"Content-Type": "application/json", "X-Taken": "yes"}


def test_an_answer_that_reads_the_request_is_a_fault() -> None:
    text = ENTRY.read_text().replace("Hello API Event Received}", '"{json:x}"}')
    with pytest.raises(CatalogueError, match="plain text"):
        parse_provider("own", text, origin="own.yaml")
