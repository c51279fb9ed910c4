"""GraphQL against graphql-core, over HTTP."""

from __future__ import annotations

import pytest

from gateway.clients import errors
from gateway.clients.client import ApiClient
from gateway.clients.graphql import GraphQLClient
from tests.integration.clients.conftest import LOOPBACK
from tests.services.graphql_server import graphql_server
from tests.unit.clients.conftest import QUICK

THINGS = """
query($first: Int!, $after: String) {
  things(first: $first, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } }
}
"""


def test_a_real_server() -> None:
    with graphql_server() as (url, statuses):
        http = ApiClient(url, allow_http=True, policy=LOOPBACK, retries=QUICK)
        client = GraphQLClient(http)

        found = [one["id"] for one in client.records(THINGS, "things", size=50)]
        # 50 and 25 take too long, each is asked for once; 30 are read by 12, 12, 6.
        assert found == [str(number) for number in range(30)]
        assert statuses == [504, 504, 200, 200, 200]

        assert client.execute("mutation($n: String!) { add(name: $n) { id } }", {"n": "x"}).data == {"add": {"id": "x"}}
        partial = client.execute("{ name broken }", partial=True)
        assert partial.data == {"name": "acme", "broken": None}
        assert [(one.message, one.path) for one in partial.errors] == [("the field is broken", ("broken",))]
        with pytest.raises(errors.RequestRefused, match="broken"):
            client.execute("{ name broken }")
        with pytest.raises(errors.RequestRefused, match="nothing"):
            client.execute("{ nothing }", partial=True)
        http.close()
