"""GraphQL (https://spec.graphql.org, GraphQL over HTTP): queries with variables, errors inside 200, lists to their end.

    shop = GraphQLClient(ApiClient("https://acme.example/graphql", auth=Bearer(token)))
    answer = shop.execute("query($id: ID!) { node(id: $id) { id } }", {"id": "17"})

What is sent, limited, repeated and broken off is `ApiClient`'s matter; what a document does stands in
`graphql_documents`, what an answer means in `graphql_answers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

import jmespath

from gateway.clients.client import ApiClient
from gateway.clients.errors import ResponseInvalid
from gateway.clients.graphql_answers import Cost, GraphQLError, GraphQLJudge, QueryTimedOut, cost_of, errors_of
from gateway.clients.graphql_documents import is_write
from gateway.clients.paging.reading import MAX_PAGES, pages
from gateway.clients.paging.styles import Page, PageRequest, document, text
from gateway.clients.values import Answer

PAGE_SIZE: Final = 100
_ACCEPT: Final = {"Accept": "application/graphql-response+json, application/json;q=0.9"}


@dataclass(frozen=True, slots=True)
class GraphQLResult:
    """What came of one document. `errors` are there beside `data` only where partial answers are taken.

    `cost` is None where the system does not tell it.
    """

    data: Mapping[str, Any] = field(repr=False)
    errors: tuple[GraphQLError, ...]
    cost: Cost | None
    answer: Answer = field(repr=False)


class GraphQLClient:
    """A system's GraphQL endpoint at `path` of `http`. Safe from any thread.

    `judge` says what answers mean. `around_writes` is entered around each mutation: what must not happen at once, or
    too quickly. Mutations are sent again only where `http` has an idempotency header, or where the system certainly did
    not carry them out.
    """

    def __init__(
        self,
        http: ApiClient,
        path: str = "",
        *,
        judge: GraphQLJudge | None = None,
        around_writes: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.http = http
        self._path = path
        self._judge = judge or GraphQLJudge()
        self._around_writes = around_writes

    def execute(
        self,
        query: str,
        variables: Mapping[str, object] | None = None,
        *,
        operation_name: str | None = None,
        partial: bool = False,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> GraphQLResult:
        """The result of the document `query`, which holds queries or mutations.

        `partial` takes data with errors beside it, which are then in the result; else they are raised.
        Raises `IntegrationError` of the kind that the first error is, and `ValueError` for a subscription or for what
        is no document.
        """
        judge = self._judge.taking_partial if partial else self._judge
        answer = self._send(query, variables, judge, operation_name, idempotency_key, timeout_seconds)
        return _result(answer)

    def pages(
        self,
        query: str,
        connection: str,
        variables: Mapping[str, object] | None = None,
        *,
        size: int = PAGE_SIZE,
        size_variable: str = "first",
        cursor_variable: str = "after",
        start: PageRequest | None = None,
        partial: bool = False,
        max_pages: int = MAX_PAGES,
        timeout_seconds: float | None = None,
    ) -> Iterator[Page]:
        """The pages of a list (https://relay.dev/graphql/connections.htm), whose connection is at the JMESPath
        `connection` of `data`.

        `query` asks for `pageInfo{hasNextPage endCursor}` and takes the variables `size_variable` and
        `cursor_variable`. When the system says that a page took too long, half as many are asked for, and for the rest
        of the list too. `start` goes on from where an earlier reading stopped (`Page.following`).
        Raises as `execute`; `ProtocolFault` for a list that leads back into itself.
        """
        if size < 1:
            raise ValueError("a page has room for at least one record")
        if is_write(query):
            raise ValueError("a list is read by a query, and this is a mutation")
        relay = _Relay(connection, cursor_variable)
        taking = self._judge.taking_partial if partial else self._judge

        def fetch(request: PageRequest) -> Answer:
            nonlocal size
            while True:
                asked = {**(variables or {}), **dict(request.query), size_variable: size}
                # The same page would take as long again, which some systems charge for: only the smallest is.
                judge = taking.telling_timeouts if size > 1 else taking
                try:
                    return self._send(query, asked, judge, None, None, timeout_seconds)
                except QueryTimedOut:
                    size //= 2

        return pages(relay, fetch, relay.records, start=start, max_pages=max_pages)

    def records(self, query: str, connection: str, *arguments: Any, **options: Any) -> Iterator[Any]:
        """The nodes of a list, one by one; the options are those of `pages`."""
        for page in self.pages(query, connection, *arguments, **options):
            yield from page.records

    def _send(
        self,
        query: str,
        variables: Mapping[str, object] | None,
        judge: GraphQLJudge,
        operation_name: str | None,
        idempotency_key: str | None,
        timeout_seconds: float | None,
    ) -> Answer:
        writes = is_write(query)
        body: dict[str, object] = {"query": query}
        if variables is not None:
            body["variables"] = variables
        if operation_name is not None:
            body["operationName"] = operation_name
        with self._around_writes() if writes else nullcontext():
            return self.http.post(
                self._path,
                json=body,
                headers=_ACCEPT,
                may_repeat=not writes,
                idempotency_key=idempotency_key,
                judge=judge,
                timeout_seconds=timeout_seconds,
            )


def errors_in(page: Page) -> tuple[GraphQLError, ...]:
    """The errors beside the data of a page that was read with `partial`."""
    return _result(page.answer).errors


def _result(answer: Answer) -> GraphQLResult:
    found = answer.document
    return GraphQLResult(found.get("data") or {}, errors_of(found), cost_of(found), answer)


class _Relay:
    """The paging of connections: `pageInfo.endCursor` goes into a variable until `hasNextPage` is false."""

    def __init__(self, connection: str, cursor_variable: str) -> None:
        self._connection = jmespath.compile(connection)
        self._where = connection
        self._cursor_variable = cursor_variable

    def first(self) -> PageRequest:
        return PageRequest()

    def following(self, request: PageRequest, answer: Answer, records: Sequence[Any]) -> PageRequest | None:
        info = self._found(answer).get("pageInfo")
        more = info.get("hasNextPage") if isinstance(info, Mapping) else None
        if not isinstance(info, Mapping) or not isinstance(more, bool):
            raise ResponseInvalid(f"{self._where} has no pageInfo{{hasNextPage endCursor}}: ask for it in the query")
        if not more:
            return None
        cursor = info.get("endCursor")
        if cursor is None:
            raise ResponseInvalid(f"{self._where} goes on and has no endCursor: ask for it in the query")
        return PageRequest(((self._cursor_variable, text(cursor, "the cursor")),))

    def records(self, answer: Answer) -> Sequence[Any]:
        """The nodes, without those that the system could not give (null)."""
        found = self._found(answer)
        nodes = found.get("nodes")
        if nodes is None and isinstance(edges := found.get("edges"), list):
            nodes = [edge.get("node") for edge in edges if isinstance(edge, Mapping)]
        if not isinstance(nodes, list):
            raise ResponseInvalid(f"{self._where} has neither nodes nor edges: ask for one of them in the query")
        return [node for node in nodes if node is not None]

    def _found(self, answer: Answer) -> Mapping[str, Any]:
        found = document(answer)
        connection = self._connection.search(found.get("data")) if isinstance(found, Mapping) else None
        if not isinstance(connection, Mapping):
            raise ResponseInvalid(f"there is no connection at {self._where} of the data")
        return connection
