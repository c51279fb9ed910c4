"""`gateway explain`, on stored rejections of a real database and on requests in files; signed by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.db.database import Database
from gateway.tenants.models import DEFAULT_TENANT_ID
from gateway.webhooks.rejections.models import Rejection
from gateway.webhooks.sources.models import Source, SourceCredential
from tests.integration.cli.conftest import CommandLine
from tests.services.slugs import UNGUESSABLE

SECRET = "It's a Secret to Everybody"
BODY = b'{"action":"opened","number":17}'


def _signature(secret: str, body: bytes = BODY) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _headers(secret: str, body: bytes = BODY) -> list[list[str]]:
    return [["X-Github-Event", "issues"], ["X-Hub-Signature-256", _signature(secret, body)]]


@pytest.fixture
def rejection(cli: CommandLine, database: Database) -> Any:
    """Stores a rejection of the source `github`, as the gateway would."""

    def store(
        headers: list[list[str]], body: bytes = BODY, *, reason: str = "signature_mismatch", **values: Any
    ) -> str:
        fields = {
            "id": "rej_1",
            "tenant_id": DEFAULT_TENANT_ID,
            "source_id": "src_1",
            "source": "github",
            "reason": reason,
            "detail": "no current secret fits",
            "received_at": datetime.now(UTC) - timedelta(minutes=5),
            "method": "POST",
            "url": "https://gw.example.com/webhooks/github",
            "headers": json.dumps(headers).encode(),
            "body": body,
            "body_bytes": len(body),
            "client_address": "192.0.2.7",
        } | values
        with database.system_session(write=True) as session:
            session.add(Rejection(**fields))
        return str(fields["id"])

    cli("sources", "add", "github", "--provider", "github", "--secret", SECRET)
    return store


def _cause(cli: CommandLine, *arguments: str, code: int = 1) -> str:
    result = cli("explain", *arguments, "--json", code=code)
    assert SECRET not in result.output
    return str(json.loads(result.stdout)["findings"][0]["cause"])


def test_a_rejection_signed_with_the_secret_of_another_source(cli: CommandLine, rejection: Any) -> None:
    cli("sources", "add", "other", "--provider", "github", "--secret", "theirs")
    result = cli("explain", rejection(_headers("theirs")), code=1)
    assert "Cause (proven): It was signed with what the source other holds." in result.stdout
    assert result.stdout.startswith("Refused: signature_mismatch")
    for text in ("theirs", SECRET, _signature("theirs"), _signature(SECRET)):
        assert text not in result.output.replace("gateway sources", "")


def test_a_source_that_no_longer_waits_for_its_secret(cli: CommandLine, rejection: Any, database: Database) -> None:
    cli("sources", "add", UNGUESSABLE, "--provider", "asana")
    refused = rejection([["X-Hook-Secret", "b" * 64]], b"{}", source=UNGUESSABLE, reason="signature_missing")
    assert "would be answered now" in cli("explain", refused, code=1).stdout
    with database.system_session(write=True) as session:
        source = session.scalars(select(Source).where(Source.slug == UNGUESSABLE)).one()
        source.updated_at -= timedelta(hours=25)
    assert "waited 24 hours" in cli("explain", refused, code=1).stdout
    cli("sources", "disable", UNGUESSABLE)
    cli("sources", "enable", UNGUESSABLE)
    assert "would be answered now" in cli("explain", refused, code=1).stdout


def test_secrets_of_another_tenant_are_not_tried(cli: CommandLine, rejection: Any) -> None:
    cli("tenants", "create", "acme")
    cli("--tenant", "acme", "sources", "add", "github", "--provider", "github", "--secret", "acme's own")
    assert _cause(cli, rejection(_headers("acme's own")), code=5) == "wrong_credential"
    assert "no rejection" in cli("--tenant", "acme", "explain", "rej_1", code=3).stderr


def test_an_ended_secret(cli: CommandLine, rejection: Any, database: Database) -> None:
    cli("sources", "rotate", "github", "--secret", "the new one")
    with database.system_session(write=True) as session:
        for row in session.query(SourceCredential).where(SourceCredential.expires_at.is_not(None)):
            row.expires_at = datetime.now(UTC) - timedelta(hours=1)
    assert _cause(cli, rejection(_headers(SECRET))) == "credential_ended"


def test_what_has_been_put_right_since(cli: CommandLine, rejection: Any) -> None:
    assert _cause(cli, rejection(_headers(SECRET)), code=0) == "accepted_now"


def test_a_body_that_was_cut(cli: CommandLine, rejection: Any) -> None:
    assert _cause(cli, rejection(_headers("x"), body_bytes=100_000), code=5) == "body_truncated"


def test_another_url_may_be_tried(cli: CommandLine, rejection: Any) -> None:
    cli("sources", "add", "square", "--provider", "square", "--secret", SECRET)
    text = b"https://hooks.example.org/elsewhere" + BODY
    signature = base64.b64encode(hmac.new(SECRET.encode(), text, hashlib.sha256).digest()).decode()
    stored = rejection([["x-square-hmacsha256-signature", signature]], source="square")
    assert _cause(cli, stored, code=5) in ("wrong_credential", "url")
    assert _cause(cli, stored, "--url", "https://hooks.example.org/elsewhere", code=0) == "accepted_now"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("source_unknown", "there is one named github"),
        ("source_disabled", "gateway sources enable githb"),
        ("body_too_large", "GATEWAY_MAX_BODY_BYTES"),
        ("ip_not_allowed", "192.0.2.7"),
        ("rate_limited", "rate"),
        ("storage_unavailable", "gateway doctor"),
        ("body_incomplete", "timeouts"),
    ],
)
def test_what_is_about_no_signature(cli: CommandLine, rejection: Any, reason: str, words: str) -> None:
    result = cli("explain", rejection([], reason=reason, source="githb"), code=1)
    assert words in result.stdout


def test_what_is_not_there(cli: CommandLine, rejection: Any) -> None:
    assert "gateway rejections list" in cli("explain", "rej_nope", code=3).stderr
    assert "give one of" in cli("explain", code=1).stderr
    assert "only --url" in cli("explain", rejection([]), "--secret", "x", code=1).stderr
    assert "did you mean github" in cli("explain", "--provider", "githb", code=3).stderr
    assert "no source 'nope'" in cli("explain", "--source", "nope", code=3).stderr


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A request in files: headers as curl prints them, and a body that an editor gave a newline."""
    lines = ("POST /webhooks/github HTTP/1.1", "Host: x", f"X-Hub-Signature-256: {_signature(SECRET)}", "", "")
    (tmp_path / "h.txt").write_text("\r\n".join(lines))
    (tmp_path / "b.json").write_bytes(BODY + b"\n")
    return ["--headers", str(tmp_path / "h.txt"), "--body", str(tmp_path / "b.json")]


def test_a_given_request(cli: CommandLine, files: list[str], tmp_path: Path) -> None:
    given = ["--provider", "github", "--secret-env", "GH"]
    result = cli("explain", *given, *files, "--json", code=1, GH=SECRET)
    found = json.loads(result.stdout)
    assert found["findings"][0]["cause"] == "body_changed"
    assert found["findings"][0]["certainty"] == "proven"
    assert {line["label"] for line in found["expected"]} >= {"scheme", "proof in", "key", "signed text", "source holds"}
    (tmp_path / "b.json").write_bytes(BODY)
    assert "Verifies as github" in cli("explain", *given, *files, GH=SECRET).stdout
    result = cli("explain", *given, *files, code=1, GH=f"{SECRET}\n")
    assert "newline" in result.stdout
    assert SECRET not in result.output
    assert _signature(SECRET)[7:] not in result.output


def test_a_given_request_with_what_a_source_holds(cli: CommandLine, rejection: Any, files: list[str]) -> None:
    assert _cause(cli, "--source", "github", *files) == "body_changed"


def test_the_clock_of_a_given_request(cli: CommandLine, tmp_path: Path) -> None:
    text = b"1795171821." + BODY
    signature = hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
    (tmp_path / "h.json").write_text(json.dumps({"Stripe-Signature": f"t=1795171821,v1={signature}"}))
    (tmp_path / "b.json").write_bytes(BODY)
    request = ["--headers", str(tmp_path / "h.json"), "--body", str(tmp_path / "b.json")]
    given = ["explain", "--provider", "stripe", "--secret", SECRET, *request]
    assert "Say with --at when it came" in cli(*given, code=1).stdout
    assert "Verifies" in cli(*given, "--at", "2026-11-20T10:51").stdout
    result = cli(*given, "--at", "2026-11-20T12:50:21", code=1)
    assert "2 h before the request came" in result.stdout
    assert "time zone" in result.stdout


@pytest.mark.parametrize(("text", "words"), [("no colon", "line 1"), ("[1, 2]", "list of pairs")])
def test_headers_that_cannot_be_read(cli: CommandLine, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "h.txt").write_text(text)
    result = cli("explain", "--provider", "github", "--secret", "x", "--headers", str(tmp_path / "h.txt"), code=1)
    assert words in result.stderr
    assert "cannot be read" in cli("explain", "--provider", "github", "--body", "nowhere", code=1).stderr
