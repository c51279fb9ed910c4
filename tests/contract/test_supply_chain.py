"""What is installed and built from is what was looked at: hashes everywhere, and a base image that can be locked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.services.markdown import ROOT

DIGEST = "sha256:" + "0123456789abcdef" * 4
IMAGE = "docker.io/library/python:3.11-slim"
# As each of them prints it, of an image for several platforms.
DOCKER = f'printf "Name:      {IMAGE}\\nDigest:    {DIGEST}\\n\\nManifests:\\n  Digest:  sha256:{"f" * 64}\\n"'
SKOPEO = f"echo {DIGEST}"


def test_whatever_is_installed_has_its_hash() -> None:
    for name in ("Dockerfile", "scripts/setup", "scripts/sbom", "scripts/test-versions"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for line in re.findall(r"^.*--requirement .*$", text, re.MULTILINE):
            assert "--require-hashes" in line, f"{name}: {line}"


def test_every_stage_of_the_image_is_built_on_the_one_that_is_locked() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${PYTHON_IMAGE}"] * 2
    assert re.findall(r"^ARG PYTHON_IMAGE=(\S+)", text, re.MULTILINE)[0].partition("@")[0] == IMAGE


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose base image has no digest yet."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "registry").mkdir()
    shutil.copy(ROOT / "scripts" / "lock-image", tmp_path / "scripts")
    (tmp_path / "Dockerfile").write_text(f"# Why.\nARG PYTHON_IMAGE={IMAGE}\nFROM ${{PYTHON_IMAGE}} AS build\n")
    for name in ("bash", "dirname", "sed", "awk", "rm"):
        (tmp_path / "registry" / name).symlink_to(str(shutil.which(name)))
    return tmp_path


def lock_image(project: Path, *arguments: str, tool: str = "", answer: str = "") -> tuple[int, str]:
    """How `scripts/lock-image` ends and what it says, where `tool` asks a registry that gives `answer`."""
    if tool:
        (project / "registry" / tool).write_text(f"#!/bin/sh\n{answer}\n")
        (project / "registry" / tool).chmod(0o755)
    done = subprocess.run(
        ["bash", "scripts/lock-image", *arguments],
        cwd=project,
        env=os.environ | {"PATH": str(project / "registry")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(("tool", "answer"), [("docker", DOCKER), ("skopeo", SKOPEO)])
def test_the_base_image_is_locked_to_what_the_registry_says(project: Path, tool: str, answer: str) -> None:
    assert lock_image(project, "--check", tool=tool, answer=answer)[0] == 1
    assert "@" not in (project / "Dockerfile").read_text()
    assert lock_image(project)[0] == 0
    locked = f"# Why.\nARG PYTHON_IMAGE={IMAGE}@{DIGEST}\nFROM ${{PYTHON_IMAGE}} AS build\n"
    assert (project / "Dockerfile").read_text() == locked
    assert lock_image(project, "--check")[0] == 0
    moved = answer.replace(DIGEST, "sha256:" + "a" * 64)
    assert lock_image(project, "--check", tool=tool, answer=moved)[0] == 1
    assert (project / "Dockerfile").read_text() == locked


@pytest.mark.parametrize(
    ("tool", "answer", "said"),
    [
        ("", "", "needs docker or skopeo"),
        ("docker", "echo ERROR: no such host >&2; exit 1", "did not tell a digest"),
        ("skopeo", "echo latest", "that is no digest"),
        ("skopeo", "true", "that is no digest"),
    ],
)
def test_without_a_digest_nothing_is_written(project: Path, tool: str, answer: str, said: str) -> None:
    before = (project / "Dockerfile").read_text()
    code, errors = lock_image(project, tool=tool, answer=answer)
    assert (code, said in errors) == (1, True), errors
    assert (project / "Dockerfile").read_text() == before
