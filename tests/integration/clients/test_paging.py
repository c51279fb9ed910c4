"""Lists to their end, page by page from a server on loopback."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.clients.paging.styles import (
    Cursor,
    LinkHeader,
    NextUrl,
    Offset,
    PageNumber,
    PageStyle,
)
from tests.integration.clients.conftest import MakeClient
from tests.services.fault_server import FaultServer

ALL = [{"id": number} for number in range(1, 7)]


@pytest.mark.parametrize(
    "style",
    [
        LinkHeader(),
        NextUrl("next"),
        Cursor("cursor", "next_cursor"),
        Cursor("cursor", "next_cursor", more="has_more"),
        PageNumber(size=2),
        Offset(size=2),
    ],
    ids=["link", "next url", "cursor", "cursor and more", "page number", "offset"],
)
def test_every_style_reads_to_the_end(make_client: MakeClient, style: PageStyle) -> None:
    assert list(make_client().records("/listing", style=style, records="records")) == ALL


def test_pages_at_once_keep_their_order(make_client: MakeClient) -> None:
    found = make_client().records("/listing", style=PageNumber(size=2), records="records", parallel=4)

    assert list(found) == ALL


def test_reading_goes_on_where_it_stopped(make_client: MakeClient, server: FaultServer) -> None:
    options: dict[str, Any] = {"style": Cursor("cursor", "next_cursor"), "records": "records"}
    first = next(make_client().pages("/listing", **options))
    server.heard.clear()

    rest = make_client().records("/listing", start=first.following, **options)

    assert list(rest) == ALL[2:]
    assert [heard.query for heard in server.heard] == [{"cursor": ["2"]}, {"cursor": ["3"]}]
