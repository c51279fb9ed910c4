"""A relay in front of a server, by which a test cuts connections, refuses them, or lets them fall silent."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit


class Relay:
    """Listens on a port of its own and passes on what comes, both ways, until it is told otherwise."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._silent: set[socket.socket] = set()
        self._passes = threading.Event()
        self._passes.set()
        self._refuses = False
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    def before(self, url: str) -> str:
        """`url` by way of this relay."""
        parts = urlsplit(url)
        login = f"{parts.username}:{parts.password}@" if parts.username else ""
        return urlunsplit(parts._replace(netloc=f"{login}127.0.0.1:{self.port}"))

    def refuse(self) -> None:
        """Cut all connections, and take none."""
        self._refuses = True
        self.cut()

    def cut(self) -> None:
        """Cut all connections; new ones are passed on."""
        with self._lock:
            cut, self._sockets = self._sockets, set()
            self._silent |= cut
        for one in cut:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def freeze(self) -> None:
        """Pass on nothing more, of any connection, and tell nobody."""
        self._passes.clear()

    def heal(self) -> None:
        """Pass on again; connections that were frozen stay silent."""
        with self._lock:
            # They are not closed: nobody is told.
            self._silent |= self._sockets
            self._sockets = set()
        self._refuses = False
        self._passes = threading.Event()
        self._passes.set()

    def close(self) -> None:
        """End, with all connections."""
        self._refuses = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            ended = self._sockets | self._silent
        for one in ended:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for one in ended:
            one.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._refuses:
                    client.close()
                    continue
                self.connections += 1
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    client.close()
                    continue
                with self._lock:
                    self._sockets |= {client, server}
                passes = self._passes
                for ends in ((client, server), (server, client)):
                    thread = threading.Thread(target=self._pass_on, args=(*ends, passes), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _pass_on(self, source: socket.socket, target: socket.socket, passes: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not passes.is_set():
                    # As if a cable were cut: the sender hears nothing of it.
                    continue
                target.sendall(data)
        if passes.is_set():
            for one in (source, target):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay_to(url: str) -> Iterator[Relay]:
    """A relay to the server of `url`."""
    relay = Relay(urlsplit(url).port or 0)
    try:
        yield relay
    finally:
        relay.close()
