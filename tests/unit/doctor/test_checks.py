"""The doctor's judgements that need no database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config import Settings
from gateway.doctor.addresses import base_url, private_destinations
from gateway.doctor.check import Level
from gateway.doctor.database import skew
from gateway.doctor.handlers import handlers
from gateway.doctor.keys import encryption_key
from gateway.doctor.open_files import open_files
from gateway.installation import Installation
from gateway.security.loopback import is_loopback


@pytest.mark.parametrize(
    ("url", "level"),
    [
        ("https://hooks.example.com", Level.OK),
        ("http://hooks.example.com", Level.WARN),
        ("http://127.0.0.1:8000", Level.WARN),
    ],
)
def test_base_url(url: str, level: Level) -> None:
    [result] = base_url(Settings(base_url=url))
    assert result.level is level


def test_private_destinations_surprise_on_a_public_gateway_only() -> None:
    public = Settings(base_url="https://hooks.example.com", allow_private_destinations=True)
    assert [result.level for result in private_destinations(public)] == [Level.WARN]
    assert [result.level for result in private_destinations(replace(public, base_url="http://localhost:1"))] == [
        Level.OK
    ]
    assert [result.level for result in private_destinations(Settings())] == [Level.OK]


def test_a_module_that_cannot_be_imported_is_named() -> None:
    [result] = handlers(Installation(Settings(handlers=("no_such_module_here",))))
    assert result.level is Level.FAIL
    assert "no_such_module_here" in result.detail


def test_a_key_file_that_others_can_read_fails_and_none_is_made(tmp_path: Path) -> None:
    settings = Settings(encryption_key_file=tmp_path / "encryption.key")
    assert encryption_key(Installation(settings))[1].level is Level.WARN
    assert not settings.encryption_key_file.exists()
    settings.encryption_key_file.write_text("x")
    settings.encryption_key_file.chmod(0o644)
    assert encryption_key(Installation(settings))[1].level is Level.FAIL


@pytest.mark.parametrize(("seconds", "level"), [(0.3, Level.OK), (-5, Level.WARN), (90, Level.FAIL)])
def test_clock_skew(seconds: float, level: Level) -> None:
    assert skew(seconds).level is level


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("example.com", False)],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("allowed", "who"), [(65_536, []), (2200, []), (2199, ["web", "worker"]), (1024, ["web", "worker"])]
)
def test_too_few_open_files_are_told_before_they_are_missed(allowed: int, who: list[str]) -> None:
    results = list(open_files(Settings(max_connections=2000), allowed))
    assert [result.detail.split()[1] for result in results if result.level is Level.WARN] == who
    assert [result.level for result in open_files(Settings(max_connections=16), 2200)] == [Level.OK]
