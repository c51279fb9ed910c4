"""What judging a request costs against the least that verifying needs, and what the catalogue costs at start."""

from __future__ import annotations

import gc
import hmac
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from benchmarks.options import Options, progress
from benchmarks.processes import ROOT
from benchmarks.report import Row, Target
from benchmarks.samples import SECRET, SignedBody, delivery_ids, signed_bodies
from gateway.providers import catalogue
from gateway.webhooks.verification import Credentials, InboundRequest, judge

JUDGE_TARGET = Target(3.0, at_most=True)
LOAD_TARGET = Target(0.5, at_most=True)
MEMORY_TARGET = Target(20.0, at_most=True)
ROUNDS = 20_000
SCHEME = "sha256"
# In a process of its own: libraries that others brought along must not count, nor be missing.
LOAD_SCRIPT = """
import json, os, psutil, time
import gateway.providers
before, started_at = psutil.Process().memory_info().rss, time.perf_counter()
list(gateway.providers.catalogue().values())
seconds = time.perf_counter() - started_at
print(json.dumps([seconds, (psutil.Process().memory_info().rss - before) / 2**20]))
"""


def measure(options: Options) -> list[Row]:
    """Rows without a database."""
    provider = catalogue()["github"]
    credentials = Credentials(secrets=[SECRET])
    signed = signed_bodies(count=1)[0]
    headers = [*signed.headers, ("X-GitHub-Delivery", next(delivery_ids()))]
    request = InboundRequest("POST", "https://gw.example.com/webhooks/github", headers, signed.body)

    def judged() -> bool:
        return judge(provider, request, credentials, now=0.0, scheme=SCHEME).accepted

    by_hand = _by_hand(headers, signed)
    assert judged()
    assert by_hand()
    ours, bare, loads = [], [], []
    for number in range(options.runs):
        bare.append(_microseconds(by_hand))
        ours.append(_microseconds(judged))
        loads.append(_load_catalogue())
        progress(f"verify run {number + 1}: judge {ours[-1]:.1f} µs, by hand {bare[-1]:.1f} µs")
    return [
        Row("judge ÷ HMAC by hand", "–", "µs", ours, bare, JUDGE_TARGET),
        Row("catalogue, time to load", "–", "s", [seconds for seconds, _ in loads], target=LOAD_TARGET),
        Row("catalogue, memory", "–", "MB", [megabytes for _, megabytes in loads], target=MEMORY_TARGET),
    ]


def _by_hand(pairs: Sequence[tuple[str, str]], signed: SignedBody) -> Callable[[], bool]:
    headers = {name.lower(): value for name, value in pairs}
    secret = SECRET.encode()

    def verify() -> bool:
        given = headers.get("x-hub-signature-256", "")
        headers.get("x-github-event")
        headers.get("x-github-delivery")
        expected = "sha256=" + hmac.digest(secret, signed.body, "sha256").hex()
        return hmac.compare_digest(expected.encode(), given.encode())

    return verify


def _microseconds(call: Callable[[], bool]) -> float:
    """The mean time of one call."""
    gc.collect()
    started_at = time.perf_counter()
    for _ in range(ROUNDS):
        call()
    return (time.perf_counter() - started_at) / ROUNDS * 1e6


def _load_catalogue() -> tuple[float, float]:
    """Seconds and megabytes."""
    command = [sys.executable, "-c", LOAD_SCRIPT]
    seconds, megabytes = json.loads(
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60).stdout
    )
    return float(seconds), float(megabytes)
