"""What proxies in front of a gateway share in tests: ports, a certificate of their own, a process that ends."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.services.postgres import free_port
from tests.services.waiting import until

ROOT = Path(__file__).parents[2]
HOST = "hooks.example.com"


class ProxyMissing(Exception):
    """There is no such proxy on this machine."""


@dataclass(frozen=True)
class Proxy:
    """A running proxy. `certificate` is what clients must trust."""

    port: int
    plain_port: int
    certificate: Path
    key: Path
    folder: Path

    def log(self) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))


def new_proxy(folder: Path) -> Proxy:
    """Ports and a certificate for one that is to be started."""
    proxy = Proxy(free_port(), free_port(), folder / "certificate.pem", folder / "key.pem", folder)
    _make_certificate(proxy.certificate, proxy.key)
    return proxy


def program(name: str, package: str) -> str:
    """Where the proxy's program is. Raises `ProxyMissing`."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise ProxyMissing(f"{name} is missing: install it (apt-get install {package}), or let .ci/run do so")
    return found


def configuration(name: str, replacements: Mapping[str, str]) -> str:
    """The file of `examples/proxies` with what is this test's own."""
    path = ROOT / "examples" / "proxies" / name
    text = path.read_text(encoding="utf-8")
    for usual, mine in replacements.items():
        assert usual in text, f"{usual!r} is not in {path}"
        text = text.replace(usual, mine)
    return text


@contextmanager
def running(proxy: Proxy, command: Sequence[str]) -> Iterator[Proxy]:
    """The proxy's process, while the block lasts."""
    output = proxy.folder / "output.log"
    with output.open("wb") as stream:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
    try:
        until(lambda: process.poll() is not None or _listens(proxy.port), proxy.log)
        assert process.poll() is None, proxy.log()
        yield proxy
    finally:
        process.terminate()
        process.wait(60)


def _make_certificate(certificate: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    no_password = serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password))


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
