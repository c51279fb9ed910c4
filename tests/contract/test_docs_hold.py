"""What the docs show holds: links lead somewhere, commands exist, examples are those that are tested, snippets work."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import responses
from responses.matchers import header_matcher, query_param_matcher

from gateway.delivery.sending.signing import sign
from gateway.handlers import load_handlers
from gateway.manifest.reading import parse
from gateway.security.tokens import generate_signing_secret
from tests.services.commands import fault
from tests.services.for_each import for_each
from tests.services.markdown import ROOT, anchors, fences, links, pages, prose, read

SHELL = {"", "sh"}
PAGES = [str(page.relative_to(ROOT)) for page in pages()]


@for_each(PAGES, str)
def test_links_lead_somewhere(name: str) -> None:
    broken = []
    for target in links(read(name)):
        parts = urlsplit(target)
        if parts.scheme:
            continue
        page = (ROOT / name).parent / parts.path if parts.path else ROOT / name
        if not page.exists() or (parts.fragment and parts.fragment not in anchors(page.read_text(encoding="utf-8"))):
            broken.append(target)
    assert broken == []


def test_every_page_is_reached_from_the_readme() -> None:
    found, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in found and page.suffix == ".md":
            found.add(page)
            targets = [urlsplit(link) for link in links(page.read_text(encoding="utf-8"))]
            waiting += [(page.parent / one.path).resolve() for one in targets if one.path and not one.scheme]
    assert [str(page) for page in pages() if page not in found] == []


def shown_commands(name: str) -> Iterator[list[str]]:
    """Every `gateway …` in the page's blocks of code and in its sentences, as words."""
    for said in re.findall(r"`gateway ([^`|]+)`", prose(read(name))):
        if not said.startswith("--"):
            yield shlex.split(said)
    for fence in fences(read(name)):
        if fence.language in SHELL:
            for line in fence.text.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True) if "gateway " in line else []
                while words and "=" in words[0]:
                    words.pop(0)
                if words[:1] == ["gateway"]:
                    yield words[1:]


@for_each(PAGES, str)
def test_commands_that_are_shown_exist(name: str) -> None:
    if name == "docs/reference/commands.md":
        return
    faults = {" ".join(words): fault(words.copy()) for words in shown_commands(name)}
    assert {line: found for line, found in faults.items() if found} == {}


def test_commands_are_really_read() -> None:
    shown = list(shown_commands("docs/how-to/dead-letters-and-replay.md"))
    assert len(shown) > 8
    assert ["destinations", "enable", "app"] in shown, "it stands in a sentence"
    assert fault(["deliveries", "retry", "--stat", "dead"]) == "gateway deliveries retry has no --stat"
    assert fault(["delivery"]) == "there is no command 'delivery' in gateway"


@pytest.mark.parametrize(
    ("page", "example"),
    [
        ("docs/how-to/configure-with-a-file.md", "examples/gateway.yaml"),
        ("docs/how-to/run-on-postgresql.md", "examples/pgbouncer.ini"),
        ("docs/how-to/reverse-proxies.md", "examples/proxies/nginx.conf"),
        ("docs/how-to/reverse-proxies.md", "examples/proxies/haproxy.cfg"),
        ("docs/how-to/reverse-proxies.md", "examples/proxies/Caddyfile"),
        ("docs/how-to/reverse-proxies.md", "examples/proxies/traefik.yaml"),
        ("docs/how-to/reverse-proxies.md", "examples/proxies/traefik-gateway.yaml"),
    ],
)
def test_configurations_are_shown_whole(page: str, example: str) -> None:
    assert read(example).rstrip() in {fence.text.rstrip() for fence in fences(read(page))}


def test_the_example_manifest_has_no_fault() -> None:
    manifest, faults = parse(read("examples/gateway.yaml"), lambda name: f"the value of {name}")
    assert faults == []
    assert len(manifest.sources) == 3
    assert len(manifest.destinations) == 2
    assert len(manifest.routes) == 4


def test_the_example_handlers_register() -> None:
    names = {handler.name for handler in load_handlers(["examples.handlers"]).all()}
    assert {"examples.handlers:review", "examples.handlers:refund", "examples.handlers:alert"} <= names


@for_each(PAGES, str)
def test_python_that_is_shown_is_python(name: str) -> None:
    for fence in fences(read(name)):
        if fence.language == "python":
            compile(fence.text, name, "exec")


@responses.activate
def test_the_call_that_the_readme_shows_lists_to_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    snippet = next(fence.text for fence in fences(read("README.md")) if "for_provider" in fence.text)
    url = "https://api.hubapi.com/crm/objects/2026-03/contacts"
    asked = {"limit": "100", "properties": "email"}
    following = {"next": {"after": "7"}}

    def page(number: int, **more: object) -> dict[str, object]:
        return {"results": [{"id": str(number), "properties": {"email": f"{number}@a.example"}}], **more}

    first, second = query_param_matcher(asked), query_param_matcher(asked | {"after": "7"})
    responses.get(url, status=429, headers={"Retry-After": "0"}, match=[first])
    responses.get(url, json=page(1, paging=following), match=[first])
    responses.get(url, json=page(2), match=[second, header_matcher({"Authorization": "Bearer tok-1"})])
    monkeypatch.setenv("HUBSPOT_TOKEN", "tok-1")

    exec(compile(snippet, "README.md", "exec"), {})

    listed = [line for line in capsys.readouterr().out.splitlines() if line.endswith(".example")]
    assert listed == ["1 1@a.example", "2 2@a.example"]
    assert len(responses.calls) == 3
    assert len(snippet.splitlines()) <= 10


def test_the_receiver_that_is_shown_verifies_our_signatures() -> None:
    snippet = next(fence.text for fence in fences(read("docs/reference/deliveries.md")) if fence.language == "python")
    secret = generate_signing_secret()
    shown = snippet[snippet.index("whsec_") :].split('"', 1)[0]
    namespace: dict[str, object] = {"__name__": "receiver"}
    exec(compile(snippet.replace(shown, secret), "deliveries.md", "exec"), namespace)
    client = namespace["app"].test_client()  # type: ignore[attr-defined]
    body, timestamp = b'{"n": 1}', int(time.time())
    headers = {
        "webhook-id": "dlv_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign([secret], message_id="dlv_1", timestamp=timestamp, body=body),
    }
    assert client.post("/events", data=body, headers=headers).status_code == 204
    assert client.post("/events", data=body + b" ", headers=headers).status_code == 401


def test_the_image_holds_what_it_runs() -> None:
    ignored = Path(ROOT, ".dockerignore").read_text(encoding="utf-8").splitlines()
    for needed in (
        "app.py",
        "asgi.py",
        "wsgi.py",
        "gunicorn.conf.py",
        "pyproject.toml",
        "requirements.txt",
        "requirements-build.txt",
        "gateway/",
    ):
        assert f"!{needed}" in ignored
