"""A browser as far as flows need one: it keeps cookies and follows redirects, and shows where it has been."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener


@dataclass(frozen=True)
class Page:
    """What is shown at the end; `url` is that of the address bar."""

    status: int
    url: str
    text: str = field(repr=False)


class CookieBrowser:
    """One browser. A redirect to what begins with `stops_at` ends its way: nobody is asked there."""

    def __init__(self, stops_at: str | None = None) -> None:
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()), _Redirects(stops_at))

    def open(self, url: str) -> Page:
        """Go to `url`, and wherever that leads."""
        return self._go(Request(url))

    def press(self, page: Page, words: str) -> Page:
        """Press the button with these words, in a form of `page` that is posted to the page's own URL."""
        found = re.search(rf'<button name="([^"]*)" value="([^"]*)">{re.escape(words)}</button>', page.text)
        assert found is not None, f"{words} is not on {page.url}:\n{page.text}"
        return self._go(Request(page.url, urlencode({unescape(found[1]): unescape(found[2])}).encode()))

    def _go(self, request: Request) -> Page:
        try:
            with self._opener.open(request, timeout=30) as answer:
                return Page(answer.status, answer.url, answer.read().decode())
        except _Stopped as stopped:
            return Page(302, stopped.url, "")
        except HTTPError as error:
            with error:
                return Page(error.code, error.url or request.full_url, error.read().decode())


class _Stopped(Exception):
    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(url)


class _Redirects(HTTPRedirectHandler):
    def __init__(self, stops_at: str | None) -> None:
        self._stops_at = stops_at

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        if self._stops_at is not None and newurl.startswith(self._stops_at):
            raise _Stopped(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
