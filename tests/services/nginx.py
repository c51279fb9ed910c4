"""A private nginx with the configuration of `examples/proxies/nginx.conf`, on free ports, with its own certificate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.proxies import HOST, Proxy, configuration, new_proxy, program, running

# What nginx.conf of a distribution has around a site, with every path in the test's folder.
AROUND = """
daemon off;
# As root it would become somebody who must not use the folder.
user root;
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


@contextmanager
def nginx(folder: Path, gateway_port: int, **changes: str) -> Iterator[Proxy]:
    """nginx in front of a gateway, while the block lasts. `changes` replaces values of directives.

    Raises `ProxyMissing`.
    """
    found = program("nginx", "nginx-light")
    proxy = new_proxy(folder)
    own = {
        "listen 80;": f"listen 127.0.0.1:{proxy.plain_port};",
        "listen 443 ssl;": f"listen 127.0.0.1:{proxy.port} ssl;",
        "    listen [::]:80;\n": "",
        "    listen [::]:443 ssl;\n": "",
        "127.0.0.1:8000": f"127.0.0.1:{gateway_port}",
        f"/etc/letsencrypt/live/{HOST}/fullchain.pem": str(proxy.certificate),
        f"/etc/letsencrypt/live/{HOST}/privkey.pem": str(proxy.key),
    }
    (folder / "site.conf").write_text(configuration("nginx.conf", own | changes))
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
    command = [found, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with running(proxy, command):
        yield proxy
