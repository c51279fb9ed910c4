"""A real server on loopback that answers as a test scripts it, with or without TLS."""

from __future__ import annotations

import datetime
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Script = Callable[[Callable[[bytes], object]], None]
TLS_HOST = "certs.example"


@dataclass
class LocalServer:
    """`requests` are the heads of the requests received; `server_names` what TLS clients asked for."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for `TLS_HOST`: the server's side, and a client's trust in it."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(autouse=True, scope="session")
def _trust_of_the_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One certificate, which no server here has: to load those of the machine takes longer than most of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(make_certificate(tmp_path_factory.mktemp("trust") / "machine.pem")))
        yield


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    pem = make_certificate(tmp_path_factory.mktemp("tls") / "server.pem")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return Certificate(server=server, client=ssl.create_default_context(cafile=str(pem)))


def make_certificate(path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, TLS_HOST)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(TLS_HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(secret + certificate.public_bytes(pem))
    return path


@pytest.fixture
def serve(certificate: Certificate) -> Iterator[Callable[..., LocalServer]]:
    """`serve(script, tls=False, at_once=False)` starts a server; the script gets a function that sends bytes.

    `at_once` runs it without waiting for a request.
    """
    servers: list[socketserver.TCPServer] = []

    def start(script: Script, *, tls: bool = False, at_once: bool = False) -> LocalServer:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                try:
                    connection = self.request
                    if tls:
                        connection = certificate.server.wrap_socket(connection, server_side=True)
                    head = b""
                    while not at_once and b"\r\n\r\n" not in head:
                        chunk = connection.recv(65536)
                        if not chunk:
                            return
                        head += chunk
                    local.requests.append(head)
                    script(connection.sendall)
                    if tls:
                        connection.close()
                except OSError:
                    # The client hung up, which is what some tests are about.
                    return

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.block_on_close = False
        local = LocalServer(port=server.server_address[1])

        def remember(_socket: Any, name: str | None, _context: ssl.SSLContext) -> None:
            local.server_names.append(name)

        certificate.server.sni_callback = remember
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True).start()
        servers.append(server)
        return local

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
