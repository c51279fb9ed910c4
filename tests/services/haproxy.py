"""A private HAProxy with the configuration of `examples/proxies/haproxy.cfg`: nginx's twin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.proxies import HOST, Proxy, configuration, new_proxy, program, running


@contextmanager
def haproxy(folder: Path, gateway_port: int, **changes: str) -> Iterator[Proxy]:
    """HAProxy in front of a gateway, while the block lasts. `changes` replaces values of directives.

    Raises `ProxyMissing`.
    """
    found = program("haproxy", "haproxy")
    proxy = new_proxy(folder)
    both = folder / "both.pem"
    both.touch(0o600)
    both.write_bytes(proxy.certificate.read_bytes() + proxy.key.read_bytes())
    own = {
        "bind :80\n": f"bind 127.0.0.1:{proxy.plain_port}\n",
        "bind :443 ssl": f"bind 127.0.0.1:{proxy.port} ssl",
        f"/etc/haproxy/{HOST}.pem": str(both),
        "127.0.0.1:8000": f"127.0.0.1:{gateway_port}",
    }
    (folder / "haproxy.cfg").write_text(configuration("haproxy.cfg", own | changes))
    with running(proxy, [found, "-db", "-f", str(folder / "haproxy.cfg")]):
        yield proxy
