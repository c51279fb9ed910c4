"""A file that cannot be used is a clear error at once: it names the file, the key and the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.providers import CatalogueError, load_file, parse_provider
from gateway.providers.loader import load_directory

SIGNATURE = "signature: {in: header:X-Acme-Signature, prefix: sha256=, encoding: hex}"

BREAKS = [
    ("name: Acme\n", "", "name", "Missing data"),
    ("name: Acme", "name: {a: b}", "name", "Not a valid string"),
    ("level: docs", "level: rumour", "evidence.level", "Must be one of"),
    ("docs: Acme's handbook", "docs: Acme's handbook\nwebsite: x", "website", "Unknown field"),
    ("hmac-sha256", "hmac-sha3", "webhook.schemes.0.method", "Must be one of"),
    ("encoding: hex", "encoding: base32", "webhook.schemes.0.signature.encoding", "Must be one of"),
    ("header:X-Acme-Signature", "headers:X-Acme", "webhook.schemes.0.signature.in", "not a known place"),
    ("header:X-Acme-Signature", "'header:'", "webhook.schemes.0.signature.in", "needs a name"),
    ('"{body}"', '"{body"', "webhook.schemes.0.signs", "lone '{'"),
    ('"{body}"', '"[{body}"', "webhook.schemes.0.signs", "'[' without ']'"),
    ('"{body}"', '"{body}]"', "webhook.schemes.0.signs", "']' without '['"),
    ('"{body}"', '"{body|sha3}"', "webhook.schemes.0.signs", "is not a filter"),
    ('"{body}"', '"{body:x}"', "webhook.schemes.0.signs", "takes no name"),
    ('"{body}"', '"constant"', "webhook.schemes.default", "covers nothing"),
    ('"{body}"', '"{timestamp}.{body}"', "webhook.schemes.default", "timestamp"),
    ('"{body}"', '"{id}.{body}"', "webhook.schemes.default", "message_id"),
    (
        '"{body}"',
        '"{body}"\n    nonce: header:X-Once',
        "webhook.schemes.default",
        "nonce: is not part of",
    ),
    ('"{body}"', '"{option:colour}{body}"', "webhook.options", "not described"),
    ("    " + SIGNATURE + "\n", "", "webhook.schemes.default", "signature"),
    ("hmac-sha256", "digest-sha256", "webhook.schemes.default", "{secret}"),
    ("hmac-sha256", "rsa-sha256", "webhook.schemes.default", "public_key"),
    ("hmac-sha256", "function\n    function: magic", "webhook.schemes.default", "does not exist"),
    (
        "hmac-sha256",
        "rsa-sha256\n    key: {certificate: header:X-Cert}",
        "webhook.schemes.default",
        "needs a pattern for its host",
    ),
    (
        "hmac-sha256",
        "rsa-sha256\n    key: {certificate: header:X-Cert, host: acme}",
        "webhook.schemes.default",
        "the same for all customers",
    ),
    ("hmac-sha256", "ed25519\n    key: {public_key: pem}", "webhook.schemes.0.key", "of: belongs to a public key"),
    ("hmac-sha256", "ed25519\n    key: {public_key: pem, of: vendor}", "webhook.schemes.default", "bound_by: address"),
    ("hmac-sha256", "hmac-sha256\n    bound_by: address", "webhook.schemes.default", "bound_by: only for a proof"),
    ("category: tests", "category: tests\noptions: {a: {about: b, binds: true}}", "webhook.options", "binds nothing"),
    (
        "category: tests",
        "category: tests\noptions: {a: {about: b, binds: true, default: c}}",
        "options.a",
        "has no default",
    ),
    ("hmac-sha256", "hmac-sha256\n    key: {secret: [base65]}", "webhook.schemes.0.key.secret", "is not a step"),
    ("hmac-sha256", "hmac-sha256\n    when: {header:X: {present: maybe}}", "webhook.schemes.0.when", "present"),
    (
        "  event:",
        "  handshakes: [{id: a, signed: true, when: {method: GET}, store_secret: header:X}]\n  event:",
        "",
        "secret",
    ),
    (
        "  event:",
        "  handshakes: [{id: a, signed: false, when: {method: GET}, "
        'answer: {body: "{query:x|hmac-sha1|hex}"}}]\n  event:',
        "webhook.handshakes.a",
        "matches",
    ),
    ("hmac-sha256", "hmac-sha256\n    checks: [{value: header:X}]", "webhook.schemes.0.checks.0", "either"),
    ("  - id: default", "  - id: default\n    id: other", "not YAML", "written twice"),
    ("category: tests", "category: [", "not YAML", ""),
]


@pytest.mark.parametrize(("old", "new", "key", "reason"), BREAKS)
def test_fault(entry: str, tmp_path: Path, old: str, new: str, key: str, reason: str) -> None:
    assert old in entry
    (tmp_path / "acme.yaml").write_text(entry.replace(old, new, 1))
    with pytest.raises(CatalogueError) as caught:
        load_directory(tmp_path)
    assert len(caught.value.faults) >= 1
    fault = "\n".join(caught.value.faults)
    assert fault.startswith("acme.yaml: ")
    assert key in fault
    assert reason in fault


def test_the_entry_itself_is_right(entry: str) -> None:
    provider = parse_provider("acme", entry, origin="acme.yaml")
    assert provider.scheme().requires == {"secret"}


def test_faults_of_all_files_are_told_at_once(entry: str, tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(entry.replace("hmac-sha256", "hmac-md4"))
    (tmp_path / "two.yaml").write_text("[]")
    with pytest.raises(CatalogueError) as caught:
        load_directory(tmp_path)
    assert [fault.partition(":")[0] for fault in caught.value.faults] == ["one.yaml", "two.yaml"]


@pytest.mark.parametrize("name", ["gateway", "Acme", "ac_me", "a b", "-a", "é"])
def test_names_that_cannot_be_used(entry: str, name: str) -> None:
    with pytest.raises(CatalogueError, match=r"reserved|lower-case"):
        parse_provider(name, entry, origin=f"{name}.yaml")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    path.write_bytes(b"name: \xff\xfe")
    with pytest.raises(CatalogueError, match="cannot be read"):
        load_file(path)


def test_yaml_that_builds_objects_is_refused(entry: str) -> None:
    with pytest.raises(CatalogueError, match="not YAML"):
        parse_provider("acme", entry.replace("Acme", "!!python/object/apply:os.getcwd []", 1), origin="acme.yaml")


def test_the_error_is_one_of_the_tree() -> None:
    assert issubclass(CatalogueError, ConfigurationError)
    assert CatalogueError.code == "catalogue_invalid"
