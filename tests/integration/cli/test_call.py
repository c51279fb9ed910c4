"""`gateway call`, against a system on loopback. It needs no database."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import gateway
from tests.services.fault_server import FaultServer
from tests.services.markdown import ROOT

KEY = "key-5b1f3c"
Call = Callable[..., Result]


@pytest.fixture
def call(server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.chdir(tmp_path)
    own = (ROOT / "docs" / "ADDING_AN_API.md").read_text("utf-8").partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "acme-crm.yaml").write_text(own.replace("path: /contacts\n", "path: /listing\n"), "utf-8")

    def run(*arguments: str, code: int = 0) -> Result:
        environment = {
            "GATEWAY_ALLOW_PRIVATE_DESTINATIONS": "true",
            "GATEWAY_PROVIDERS_DIR": str(tmp_path),
            "ACME_KEY": KEY,
        }
        command = ["call", *arguments, "--base-url", server.url]
        result = CliRunner().invoke(gateway, command, env=environment)
        assert result.exit_code == code, result.output
        assert KEY not in result.stderr
        return result

    return run


def test_one_request_shows_its_answer(call: Call, server: FaultServer) -> None:
    result = call("github", "get", "/user", "--secret-env", "ACME_KEY", "--query", "a=b=c")

    assert json.loads(result.stdout)["query"] == {"a": ["b=c"]}
    assert "200" in result.stderr
    assert "X-Request-Id: req-1" in result.stderr
    assert server.heard[0].headers["authorization"] == f"Bearer {KEY}"
    assert server.heard[0].headers["x-github-api-version"] == "2022-11-28"


def test_json_is_sent_and_told(call: Call, tmp_path: Path) -> None:
    (tmp_path / "body.json").write_text('{"n": 1}')

    told = json.loads(call("github", "POST", "/a", "--data", "@body.json", "--json").stdout)

    assert (told["status"], told["tries"], told["body"]["body"]) == (200, 1, '{"n":1}')
    assert "not JSON" in call("github", "POST", "/a", "--data", "{", code=1).stderr


def test_urls_in_an_answers_head_are_shown_without_their_values(call: Call, server: FaultServer) -> None:
    shown = f'<{server.url}/listing?page=…>; rel="next"'
    result = call("github", "get", "/listing", "--json")
    assert json.loads(result.stdout)["headers"]["Link"] == shown
    assert f"Link: {shown}" in call("github", "get", "/listing").stderr


def test_explaining_says_what_was_waited_for(call: Call) -> None:
    told = call("github", "GET", "/status/503", "--query", "times=1", "--explain").stderr

    assert "then again: the system cannot now (status 503)" in told
    assert "GET /status/{id}: 200, 2 tries" in told


def test_failures_say_the_systems_word_and_its_name_for_the_call(call: Call, server: FaultServer) -> None:
    told = call("github", "GET", "/status/503", "--no-retries", "--secret-env", "ACME_KEY", code=1).stderr

    assert "the system calls it req-1" in told
    assert "github: the system cannot now (status 503)" in told
    assert len(server.heard) == 1


def test_an_own_description_is_read_to_its_end(call: Call, server: FaultServer) -> None:
    options = ("--pages", "--param", "account=mine", "--secret-env", "ACME_KEY")
    result = call("acme-crm", "GET", "contacts", *options)

    # The fault server names its records otherwise.
    assert result.stderr.strip() == "No records."
    assert server.heard[0].query == {"limit": ["100"]}
    assert "has no list 'contact'" in call("acme-crm", "GET", "contact", *options, code=3).stderr


def test_records_come_one_a_line(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "acme-crm.yaml"
    path.write_text(path.read_text().replace("records: data", "records: records").replace("meta.next", "next_cursor"))
    path.write_text(path.read_text().replace("parameter: after", "parameter: page"))

    every = call("acme-crm", "GET", "contacts", "--pages", "--param", "account=mine")
    two = call("acme-crm", "GET", "contacts", "--pages", "--limit", "2", "--param", "account=mine")

    assert [json.loads(line)["id"] for line in every.stdout.splitlines()] == [1, 2, 3, 4, 5, 6]
    assert "6 records." in every.stderr
    assert len(two.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("adyen", "GET", "/x"), 3, "nothing is known of how adyen is called"),
        (("githb", "GET", "/x"), 3, "did you mean github"),
        (("github", "GET", "/x", "--secret-env", "NOT_THERE"), 1, "NOT_THERE is not set"),
        (("github", "GET", "/x", "--query", "a"), 1, "K=V"),
        (("github", "POST", "issues", "--pages"), 1, "--pages reads a list"),
        (("github", "GET", "/a/../b"), 1, "does not climb"),
        (("github", "FETCH", "/x"), 2, "FETCH"),
    ],
)
def test_what_cannot_be_called(call: Call, arguments: tuple[str, ...], code: int, message: str) -> None:
    result = call(*arguments, code=code)

    assert message in result.stderr
    assert "Traceback" not in result.output


def test_parameters_fill_the_path_too(call: Call, server: FaultServer) -> None:
    call("acme-crm", "get", "/echo/{id}", "--param", "account=mine", "--param", "id=a/b")
    assert server.heard[0].path == "/echo/a%2Fb"

    missing = call("acme-crm", "get", "/echo/{id}", "--param", "account=mine", code=1)
    left = call("acme-crm", "get", "/echo", "--param", "acount=mine", code=1)
    assert "the path needs id" in missing.stderr
    assert "the path has no place for acount" in left.stderr
