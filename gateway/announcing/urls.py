"""Addresses of brokers: what may be shown of one, or of several with semicolons between them."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit


def shown(broker_url: str) -> str:
    """The address without user and password, for people."""
    return ";".join(_shown(one) for one in broker_url.split(";"))


def without_passwords(text: str, broker_url: str) -> str:
    """`text` without the passwords of `broker_url`, in case a library quotes them."""
    for one in broker_url.split(";"):
        password = urlsplit(one).password
        for form in {password, unquote(password)} if password else ():
            text = text.replace(form, "…")
    return text


def _shown(one: str) -> str:
    parts = urlsplit(one)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path}"
