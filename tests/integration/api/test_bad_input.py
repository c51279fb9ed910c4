"""Whatever is sent, the API judges it: a problem with a code, and never a failure of ours."""

from __future__ import annotations

import json
from pathlib import Path

from gateway.config import Settings
from gateway.factory import create_app
from gateway.installation import Installation
from gateway.security.keyfile import make_key_file
from tests.integration.api.conftest import ApiUnderTest, code, faults

LONG = "x" * 1_000_000
# Bodies as they stand on the wire, with what they are answered.
BODIES: dict[str, tuple[bytes, int, str]] = {
    "cut off": (b'{"slug": "a"', 400, "json_malformed"),
    "no JSON": (b"slug=a", 400, "json_malformed"),
    "no UTF-8": (b'{"slug": "\xff"}', 400, "json_malformed"),
    "UTF-16": ('{"slug": "a"}'.encode("utf-16"), 400, "json_malformed"),
    "a byte order mark": (b'\xef\xbb\xbf{"slug": "a"}', 400, "json_malformed"),
    "NaN": (b'{"rate_per_second": NaN}', 400, "json_malformed"),
    "a number of 5000 digits": (b'{"rate_per_second": ' + b"9" * 5000 + b"}", 400, "json_malformed"),
    "two documents": (b"{} {}", 400, "json_malformed"),
    "a name twice": (b'{"slug": "a", "slug": "b", "provider": "github"}', 422, "invalid_input"),
    "a list": (b"[]", 422, "invalid_input"),
    "a text": (b'"slug"', 422, "invalid_input"),
    "null": (b"null", 422, "invalid_input"),
    "deep": (b'{"options":' * 5_000 + b"1" + b"}" * 5_000, 422, "invalid_input"),
    "very deep": (b"[" * 500_000, 422, "invalid_input"),
    "wide": (b"[" + b"1," * 200_000 + b"1]", 422, "invalid_input"),
    "too large": (b'"' + b"x" * (1 << 20) + b'"', 413, "body_too_large"),
    "NUL": (b'{"slug": "a\\u0000", "provider": "github"}', 422, "invalid_input"),
    "NUL in a name": (b'{"a\\u0000": 1}', 422, "invalid_input"),
    "half a surrogate pair": (b'{"slug": "\\ud800", "provider": "github"}', 422, "invalid_input"),
    "an infinite number": (b'{"slug": "a", "provider": "github", "rate_per_second": 1e999}', 422, "invalid_input"),
}
TEXTS = (LONG, "'; DROP TABLE sources; --", "\x00", "\x1b[2J", "\ud800", "../..", "a" * 65, "😀", " ", "-1", "gateway")


def test_bodies(api: ApiUnderTest) -> None:
    for name, (body, status, expected) in BODIES.items():
        answer = api.ask("POST", "/sources", data=body, headers={"Content-Type": "application/json"})
        assert code(answer) == (status, expected), name
    repeated = api.ask("POST", "/sources", data=BODIES["a name twice"][0], content_type="application/json")
    assert faults(repeated) == {"/slug": "duplicate"}
    deep: object = "x"
    for _ in range(40):
        deep = {"a": deep}
    nested = api.post("/sources", {"slug": "a", "provider": "github", "options": deep})
    assert faults(nested) == {"/options" + "/a" * 32: "too_long"}
    offset = api.ask("POST", "/sources", data=BODIES["cut off"][0], content_type="application/json")
    assert offset.get_json()["errors"][0]["parameters"] == {"offset": 12}


def test_texts_in_every_field(api: ApiUnderTest) -> None:
    sound = {"slug": "sound", "provider": "github", "credentials": {"secret": "s3cret-s3cret"}}
    for text in TEXTS:
        for field, value in {
            "slug": text,
            "provider": text,
            "scheme": text,
            "credentials": {"secret": "s3cret", text: "b"},
            "options": {text: text},
            "allowed_ips": [text],
        }.items():
            body = json.dumps({**sound, field: value})
            answer = api.ask("POST", "/sources", data=body, content_type="application/json")
            assert answer.status_code in {404, 413, 422}, (field, text[:20], answer.data[:300])
        named = api.post("/api-keys", {"name": text})
        assert named.status_code in ({201} if text == "gateway" else {413, 422}), text[:20]


def test_texts_in_paths_and_queries(api: ApiUnderTest) -> None:
    for part in ("%00", "%ff", "a" * 5000, "%27%20OR%201=1--", "..%2f..", "%0a", "%ed%a0%80"):
        for path in (f"/sources/{part}", f"/api-keys/{part}", f"/providers/{part}"):
            assert api.get(path).status_code == 404, path
        for query in (f"cursor={part}", f"limit={part}", f"{part}=1", f"q={part}&category={part}"):
            assert api.get(f"/providers?{query}").status_code in {200, 422}, query
            assert api.get(f"/sources?{query}").status_code == 422, query
    assert api.get("/providers?" + "&".join(f"a{n}=1" for n in range(500))).status_code == 422


def test_what_http_says(api: ApiUnderTest) -> None:
    body = b'{"slug": "a", "provider": "github", "generate_secret": true}'
    for content_type in ("text/plain", "", "application/x-www-form-urlencoded"):
        answer = api.ask("POST", "/sources", data=body, headers={"Content-Type": content_type})
        assert code(answer) == (415, "media_type_unsupported"), content_type
    packed = api.ask(
        "POST", "/sources", data=body, headers={"Content-Encoding": "gzip"}, content_type="application/json"
    )
    assert code(packed) == (415, "media_type_unsupported")
    refused = api.ask("DELETE", "/sources")
    assert code(refused) == (405, "method_not_allowed")
    assert "POST" in refused.headers["Allow"]
    for path in ("/nothing", "/sources/", "//sources", "/sources/a/b/c"):
        assert code(api.get(path)) == (404, "not_found"), path
    assert api.app.test_client().get("/healthz").get_json() == {"status": "ok"}
    assert api.app.test_client().get("/apiary").status_code == 404
    for key in ('"', "", "a b", "ä", '"a', "x" * 256):
        answer = api.ask(
            "POST", "/sources", data=body, content_type="application/json", headers={"Idempotency-Key": key}
        )
        assert answer.status_code == 422, key
        assert faults(answer) == {"Idempotency-Key": "malformed"}


def test_without_a_database_it_says_when_to_come_again(tmp_path: Path) -> None:
    settings = Settings(
        database_url="postgresql+psycopg://nobody@127.0.0.1:1/nothing", encryption_key_file=tmp_path / "key"
    )
    with Installation(settings) as installation:
        make_key_file(settings.encryption_key_file)
        client = create_app(installation).test_client()
        answer = client.get("/api/v1/me", headers={"Authorization": f"Bearer gwk_{'0' * 78}"})
        assert code(answer) == (503, "storage_unavailable")
        assert answer.headers["Retry-After"] == "5"
        assert client.get("/api/docs").status_code == 200
