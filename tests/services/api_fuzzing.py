"""The API under schemathesis (https://schemathesis.readthedocs.io): every operation of the document, with its examples,
at the edges of its schemas, at random, and along its links; each answer held to the document.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from flask import Flask
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

DOCUMENT = "/api/v1/openapi.json"
TENANT = "acme"
LONGER = 20
# For an answer: the machine may be busy.
PATIENCE_SECONDS = 60.0
STREAM = "/api/v1/events/stream"
# What it answers is the provider's: the connection that is asked for has to be one whose provider is on loopback.
PROXY = "/api/v1/connections/{connection}/proxy/{path}"
PHASES = ("examples", "coverage", "fuzzing", "stateful")


@dataclass
class Found:
    """What a run came to: how many requests each operation had in each phase, their answers, and what was wrong."""

    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def operations(self, phase: str) -> set[str]:
        """Those that were asked in `phase`, as `GET /path`."""
        return {label for where, label in self.asked if where == phase}

    def is_done(self, label: str) -> bool:
        """Whether the operation was ever carried out."""
        return any(status < 300 for status in self.statuses.get(label, ()))


def settings(key: str, *, examples: int, with_stream: bool, proxied: str) -> SchemathesisConfig:
    """How to ask, with an API key, by way of the connection `proxied`. `examples` is how many an operation gets at
    random: the same in every run, or others and more where `scripts/fuzz-api` gives a seed.
    """
    seed = os.environ.get("API_FUZZ_SEED")
    return SchemathesisConfig.from_dict(
        {
            "seed": int(seed or 1),
            "headers": {"Authorization": f"Bearer {key}"},
            # Made up, both would refuse nearly all.
            "parameters": {"Gateway-Tenant": TENANT, "If-Match": "*"},
            "continue-on-failure": True,
            "request-timeout": PATIENCE_SECONDS,
            "suppress-health-check": ["all"],
            # Nobody listens to a stream for longer than this.
            "operations": [
                {"include-path": STREAM, "request-timeout": 0.3, "enabled": with_stream},
                {"include-path": PROXY, "parameters": {"connection": proxied}},
            ],
            "generation": {
                "max-examples": examples if seed is None else LONGER * examples,
                "database": "none",
                "no-shrink": True,
                "deterministic": seed is None,
            },
            "checks": {
                # What a schema cannot say is refused by 422, what is not there by 404.
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "304", "403", "404", "409", "412", "422", "429"]
                },
                "missing_required_header": {"expected-statuses": ["404", "422", "428"]},
                # Many wrong keys are answered 429; `test_tenant_walk` asks every operation without a key.
                "ignored_auth": {"enabled": False},
                # /routes/preview is a path of two operations and, as the name of a route, of more.
                "allow_header_conformance": {"enabled": False},
            },
        }
    )


def fuzz_in_process(app: Flask, key: str, *, examples: int, proxied: str) -> Found:
    """Ask an application, without a socket: all but for the stream, which would be waited for."""
    config = settings(key, examples=examples, with_stream=False, proxied=proxied)
    return _run(schemathesis.openapi.from_wsgi(DOCUMENT, app, config=config))


def fuzz_server(base_url: str, key: str, *, examples: int, proxied: str, phases: tuple[str, ...] = PHASES) -> Found:
    """Ask a server at its address."""
    config = settings(key, examples=examples, with_stream=True, proxied=proxied)
    for phase in set(PHASES) - set(phases):
        config.projects.default.phases.get_by_name(name=phase).enabled = False
    return _run(schemathesis.openapi.from_url(base_url + DOCUMENT, config=config, timeout=PATIENCE_SECONDS))


def _run(schema: Any) -> Found:
    found = Found()
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError):
            found.failures.append(f"{event.label}: {event.value}")
        elif isinstance(event, events.ScenarioFinished):
            for case in event.recorder.cases.values():
                found.asked[event.phase.value, case.value.operation.label] += 1
            for id_, one in event.recorder.interactions.items():
                label = event.recorder.cases[id_].value.operation.label
                if one.response is not None:
                    found.statuses.setdefault(label, Counter())[one.response.status_code] += 1
            found.failures += _failures(event.recorder)
    return found


def _failures(recorder: ScenarioRecorder) -> Iterator[str]:
    for id_, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                label = recorder.cases[id_].value.operation.label
                failure = check.failure_info.failure
                yield f"{label}: {failure.title}\n{failure.message}\n{check.failure_info.code_sample}"
