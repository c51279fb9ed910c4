"""A private nginx with the configuration of `examples/proxies/nginx.conf`, on free ports, with its own certificate."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
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
SITE = ROOT / "examples" / "proxies" / "nginx.conf"
HOST = "hooks.example.com"

# What nginx.conf of a distribution has around a site, with every path in the test's folder.
AROUND = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


class NginxMissing(Exception):
    """There is no nginx on this machine."""


@dataclass(frozen=True)
class Nginx:
    """A running proxy. `certificate` is what clients must trust."""

    port: int
    plain_port: int
    certificate: Path
    folder: Path

    def log(self) -> str:
        return (self.folder / "error.log").read_text(errors="replace")


@contextmanager
def nginx(folder: Path, gateway_port: int, **changes: str) -> Iterator[Nginx]:
    """nginx in front of a gateway, while the block lasts. `changes` replaces values of directives.

    Raises `NginxMissing`.
    """
    program = _program()
    proxy = Nginx(free_port(), free_port(), folder / "certificate.pem", folder)
    _make_certificate(proxy.certificate, folder / "key.pem")
    (folder / "site.conf").write_text(_site(proxy, gateway_port, changes))
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen(
            [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        until(lambda: process.poll() is not None or _listens(proxy.port), lambda: (folder / "output.log").read_text())
        assert process.poll() is None, (folder / "output.log").read_text() + proxy.log()
        yield proxy
    finally:
        process.terminate()
        process.wait(20)


def _program() -> str:
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise NginxMissing("nginx is missing: install it (apt-get install nginx-light), or let .ci/run do so")
    return found


def _site(proxy: Nginx, gateway_port: int, changes: dict[str, str]) -> str:
    text = SITE.read_text(encoding="utf-8")
    own = {
        "listen 80;": f"listen 127.0.0.1:{proxy.plain_port};",
        "listen 443 ssl;": f"listen 127.0.0.1:{proxy.port} ssl;",
        "    listen [::]:80;\n": "",
        "    listen [::]:443 ssl;\n": "",
        "127.0.0.1:8000": f"127.0.0.1:{gateway_port}",
        f"/etc/letsencrypt/live/{HOST}/fullchain.pem": str(proxy.certificate),
        f"/etc/letsencrypt/live/{HOST}/privkey.pem": str(proxy.folder / "key.pem"),
    }
    for usual, mine in (own | changes).items():
        assert usual in text, f"{usual!r} is not in {SITE}"
        text = text.replace(usual, mine)
    return text


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
