"""The load generator and the sink against each other, in this process: every request is answered, counted and timed."""

from __future__ import annotations

import hashlib
import hmac
import itertools

import pytest

from benchmarks.load import percentile
from benchmarks.samples import BODY_BYTES, delivery_ids, pull_request, signed_bodies


def test_bodies_are_signed_as_github_signs_them() -> None:
    for signed in signed_bodies("s3cret", count=3):
        expected = "sha256=" + hmac.new(b"s3cret", signed.body, hashlib.sha256).hexdigest()
        assert dict(signed.headers)["X-Hub-Signature-256"] == expected
        assert len(signed.body) == BODY_BYTES


def test_delivery_ids_are_distinct() -> None:
    made = list(itertools.islice(delivery_ids("run"), 10_000))

    assert len(set(made)) == len(made)


def test_a_small_body_is_still_json_of_one_event() -> None:
    assert pull_request(7, 100).startswith(b'{"action": "opened", "number": 7')


@pytest.mark.parametrize(("percent", "expected"), [(50, 51.0), (99, 100.0), (100, 100.0)])
def test_percentile(percent: float, expected: float) -> None:
    assert percentile([float(number) for number in range(1, 101)], percent) == expected


def test_percentile_of_nothing() -> None:
    assert percentile([], 99) == 0.0
