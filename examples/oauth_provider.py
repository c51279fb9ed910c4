"""An OpenID provider to try things with: anybody logs in by pressing a button, and its tokens end after a minute.

.venv/bin/python examples/oauth_provider.py                      at http://127.0.0.1:9400
.venv/bin/python examples/oauth_provider.py --token-seconds 10   tokens end sooner

It knows one app, client id `example`, secret `example-secret`, and one person, Ada. PKCE is asked for, refresh tokens
are good once. It prints what happens, and forgets all of it with Ctrl-C. It guards nobody: for loopback alone.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import secrets
import sys
import time
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "example", "example-secret"
ADA = {"sub": "ada", "name": "Ada Lovelace", "email": "ada@example.org"}
MAX_BODY_BYTES = 64 * 1024
PAGE = """<!doctype html><html lang="en"><title>Example provider</title><h1>Example provider</h1>
<p>The app <b>{app}</b> asks for: {scopes}</p>
<form method="post"><button name="answer" value="agree">Log in as Ada, and agree</button>
<button name="answer" value="deny">Deny</button></form>"""


@dataclass
class Grant:
    """What Ada agreed to: `asked` is the query of the login. The tokens are those that are good now."""

    asked: dict[str, str]
    code: str | None = field(default_factory=lambda: secrets.token_urlsafe(16))
    access_token: str | None = None
    refresh_token: str | None = None
    ends_at: float = 0.0
    tokens_given: int = 0


class Refused(Exception):
    """An error of RFC 6749, 5.2."""


class Request(BaseHTTPRequestHandler):
    """One request, of a browser or of the gateway."""

    protocol_version = "HTTP/1.1"
    key: RSAKey
    grants: list[Grant] = []  # noqa: RUF012 (of the server, as all of these are)
    issuer = ""
    token_seconds = 60

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/.well-known/openid-configuration":
            self._json(200, self._metadata())
        elif path == "/keys":
            self._json(200, {"keys": [self.key.as_dict(private=False)]})
        elif path == "/authorize":
            asked = self._query()
            page = PAGE.format(app=escape(asked.get("client_id", "")), scopes=escape(asked.get("scope", "")))
            self._send(200, page.encode(), "text/html; charset=utf-8")
        elif path in {"/userinfo", "/api/me"}:
            self._api(path)
        else:
            self._json(404, {"error": "not_found"})

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), MAX_BODY_BYTES))
        form, path = dict(parse_qsl(body.decode())), urlsplit(self.path).path
        if path == "/authorize":
            self._answered(form.get("answer") == "agree")
        elif path == "/token":
            self._token(form)
        elif path == "/revoke":
            for grant in self._with_token(form.get("token")):
                self.grants.remove(grant)
                self._say("revoke: the grant has ended")
            self._json(200, {})
        else:
            self._json(404, {"error": "not_found"})

    def _answered(self, agrees: bool) -> None:
        """Ada has pressed a button: back to the app."""
        asked = self._query()
        if asked.get("client_id") != CLIENT_ID or asked.get("code_challenge_method") != "S256":
            self._json(400, {"error": "invalid_request", "error_description": "another app, or one without PKCE"})
            return
        said = {"state": asked.get("state", ""), "iss": self.issuer}
        if agrees:
            grant = Grant(asked)
            self.grants.append(grant)
            said["code"] = grant.code or ""
        else:
            said["error"] = "access_denied"
        self._say(f"login: {'agreed' if agrees else 'denied'}")
        self.send_response(302)
        self.send_header("Location", f"{asked['redirect_uri']}?{urlencode(said)}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _token(self, form: dict[str, str]) -> None:
        kind = form.get("grant_type", "")
        try:
            answer = self._tokens_for(self._proved(kind, form))
        except Refused as refused:
            self._say(f"token: {kind} refused, {refused}")
            self._json(401 if str(refused) == "invalid_client" else 400, {"error": str(refused)})
        else:
            self._say(f"token: {kind} accepted")
            self._json(200, answer)

    def _proved(self, kind: str, form: dict[str, str]) -> Grant:
        """The grant that a code or a refresh token stands for, by the app that it was given to."""
        pair = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        if [unquote_plus(part) for part in pair.split(":")] != [CLIENT_ID, CLIENT_SECRET]:
            raise Refused("invalid_client")
        for grant in self.grants:
            if kind == "authorization_code" and grant.code is not None and grant.code == form.get("code"):
                digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
                is_right = grant.asked.get("code_challenge") == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
                if is_right and grant.asked.get("redirect_uri") == form.get("redirect_uri"):
                    return grant
            if kind == "refresh_token" and grant.refresh_token and grant.refresh_token == form.get("refresh_token"):
                return grant
        raise Refused("invalid_grant")

    def _tokens_for(self, grant: Grant) -> dict[str, object]:
        """New tokens; the code and the tokens before are good no more."""
        now, grant.code, grant.tokens_given = time.time(), None, grant.tokens_given + 1
        grant.access_token, grant.refresh_token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        grant.ends_at = now + self.token_seconds
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": int(now), "exp": int(now) + 300}
        claims |= ADA | {"nonce": grant.asked.get("nonce", "")}
        return {
            "access_token": grant.access_token,
            "token_type": "Bearer",
            "expires_in": self.token_seconds,
            "refresh_token": grant.refresh_token,
            "scope": grant.asked.get("scope", ""),
            "id_token": jwt.encode({"alg": "RS256", "kid": "example"}, claims, self.key),
        }

    def _api(self, path: str) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        good = [one for one in self._with_token(token) if one.access_token == token and time.time() < one.ends_at]
        self._say(f"{path}: {f'token {good[0].tokens_given}' if good else 'no token that is good'}")
        if good:
            self._json(200, ADA | {"token": good[0].tokens_given})
        else:
            self._json(401, {"error": "invalid_token"})

    def _with_token(self, token: str | None) -> list[Grant]:
        return [one for one in self.grants if token and token in (one.access_token, one.refresh_token)]

    def _metadata(self) -> dict[str, object]:
        """OpenID Connect Discovery 1.0."""
        paths = {"authorization": "authorize", "token": "token", "userinfo": "userinfo", "revocation": "revoke"}
        return {
            "issuer": self.issuer,
            **{f"{name}_endpoint": f"{self.issuer}/{path}" for name, path in paths.items()},
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }

    def _query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query))

    def _json(self, status: int, document: dict[str, object]) -> None:
        self._send(status, json.dumps(document).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def _say(self, words: str) -> None:
        print(words, flush=True)

    def log_message(self, *_arguments: object) -> None:
        """Quiet: what matters is printed already."""


def main() -> None:
    """Answer until Ctrl-C."""
    parser = argparse.ArgumentParser(description="An OpenID provider to try things with.")
    parser.add_argument("--port", type=int, default=9400)
    parser.add_argument("--token-seconds", type=int, default=60, help="after these a token ends")
    given = parser.parse_args()
    Request.issuer, Request.token_seconds = f"http://127.0.0.1:{given.port}", given.token_seconds
    Request.key = RSAKey.generate_key(2048, {"kid": "example", "use": "sig", "alg": "RS256"})
    try:
        server = ThreadingHTTPServer(("127.0.0.1", given.port), Request)
    except OSError as error:
        sys.exit(
            f"cannot listen on port {given.port} ({error.strerror}): choose another --port, or stop what listens there"
        )
    with server:
        print(f"a provider at {Request.issuer}, Ctrl-C ends it", flush=True)
        print(f"its app: client id {CLIENT_ID}, secret {CLIENT_SECRET}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
