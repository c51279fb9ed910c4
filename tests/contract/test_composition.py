"""The composition of containers: what runs exists, is bounded and watched, and has time to end in order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from tests.services.commands import WEB_STOP_SECONDS, WORKER_STOP_SECONDS, assigned, known_variables, program_fault
from tests.services.for_each import for_each
from tests.services.markdown import ROOT, read

COMPOSE: Mapping[str, Any] = yaml.safe_load(read("deploy/compose.yaml"))
SERVICES: Mapping[str, Mapping[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "gateway"}


def test_the_composition_has_two_of_ours_behind_one_proxy() -> None:
    roles = [service["command"][:2] for service in OURS.values()]
    assert roles.count(["gateway", "worker"]) == roles.count(["gunicorn", "-c"]) == 2
    upstreams = re.findall(r"server (\S+):8000", read("deploy/nginx.conf"))
    assert upstreams == [name for name, service in OURS.items() if service["command"][0] == "gunicorn"]


@for_each(list(OURS), str)
def test_a_container_of_ours_runs_what_there_is(name: str) -> None:
    service = OURS[name]
    assert program_fault(list(service["command"])) is None
    assert set(service["environment"]) <= known_variables()


@for_each(list(SERVICES), str)
def test_a_container_is_bounded_watched_and_named_by_a_version(name: str) -> None:
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["restart"] in {"unless-stopped", "on-failure"}
    assert "healthcheck" in service
    assert service["image"] == "gateway" or re.search(r":[0-9]", service["image"])
    for other, condition in service.get("depends_on", {}).items():
        healthy = condition["condition"] == "service_healthy"
        assert healthy != SERVICES[other]["healthcheck"].get("disable", False), f"{name} waits for {other}"


def test_what_the_composition_asks_for_stands_in_its_example() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+):\?\}", read("deploy/compose.yaml")))
    assert asked == assigned(read("deploy/example.env"))
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())]
    assert [path for path in mounted if path.startswith(".") and not (ROOT / "deploy" / path).exists()] == []


def test_nobody_is_killed_while_it_ends_in_order() -> None:
    for service in OURS.values():
        if "stop_grace_period" in service:
            least = WEB_STOP_SECONDS if service["command"][0] == "gunicorn" else WORKER_STOP_SECONDS
            assert int(service["stop_grace_period"].rstrip("s")) > least


def test_no_secret_stands_in_the_example() -> None:
    lines = read("deploy/example.env").splitlines()
    assert [line for line in lines if re.match(r"[A-Z_]*(PASSWORD|KEYS|TOKEN)=.", line)] == []
