"""How many files a process may have open, sockets among them, and how many it needs for what its settings allow."""

from __future__ import annotations

import resource

# Connections to the database, its files, metrics, handler processes.
FOR_THE_REST = 200
MOST = 65_536


def allowed_files() -> int:
    """As many as this process may allow itself."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)


def raise_open_files() -> int:
    """Let this process, and those that it starts, open as many files as the system allows; how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = allowed_files()
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (ValueError, OSError):
            # It goes on with what it has; who asks compares.
            pass
    return MOST if soft == resource.RLIM_INFINITY else soft


def shortage(who: str, wanted: int, open_files: int, remedy: str) -> str | None:
    """What is wrong where `open_files` do not suffice for `wanted` connections of `who`; None where they do."""
    needed = wanted + FOR_THE_REST
    if open_files >= needed:
        return None
    return (
        f"{who} may open {open_files} files and needs up to {needed}: "
        f"raise the limit (ulimit -n, LimitNOFILE of systemd){remedy}"
    )


def web_shortage(max_connections: int, open_files: int) -> str | None:
    """The same of a web process."""
    return shortage("a web process", max_connections, open_files, ", or lower GATEWAY_MAX_CONNECTIONS")


def worker_shortage(attempts: int, open_files: int) -> str | None:
    """The same of a worker, which makes so many attempts at once where it can."""
    return shortage("a worker", attempts, open_files, "; until then it makes fewer tries at once")
