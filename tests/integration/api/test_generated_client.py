"""A program with nothing but a client that was made from the document does what a new user does with curl."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gateway.server.front import Front
from tests.integration.api.conftest import ApiUnderTest
from tests.services.generated_client import generated_client
from tests.services.loop_server import loop_server

BODY = '{"action": "opened", "issue": {"title": "a leaking tap"}}'


def test_from_nothing_to_a_replay_and_who_did_it(api: ApiUnderTest, tmp_path: Path) -> None:
    document = api.get("/openapi.json").get_json()
    with loop_server(Front(api.app, threads=2)) as server:
        base_url = f"http://127.0.0.1:{server.port}"
        api.installation.settings = replace(api.installation.settings, base_url=base_url)
        with generated_client(document, tmp_path, base_url, api.key) as client:
            source = client.call(
                "sources.add_source",
                body=client.model("SourceDraft", {"slug": "github", "provider": "github", "generate_secret": True}),
                idempotency_key="the-first",
            )
            assert source.status_code == 201
            assert len(source.parsed.secret) == 64
            destination = client.call(
                "destinations.add_destination",
                body=client.model("DestinationDraft", {"name": "app", "url": "http://127.0.0.1:9/events"}),
            ).parsed
            assert destination.secret.startswith("whsec_")
            draft = {"source": "github", "destination": "app", "event_types": ["issues.*"], "name": "issues"}
            route = client.call("routes.add_route", body=client.model("RouteDraft", draft)).parsed

            sample = client.model("SampleDraft", {"type": "issues", "body": BODY})
            sent = client.call("sources.test_source", "github", body=sample).parsed
            assert sent.status == 200, sent.answer

            [event] = client.call("events.list_events", q="leaking").parsed.data
            assert event.id == sent.event_id
            assert client.call("events.show_event_body", event.id).content == BODY.encode()

            change = client.model("RouteChangePreview", {"transform": "{title: issue.title}", "last": 10})
            [previewed] = client.call("routes.preview_route", route.id, body=change).parsed.events
            assert (previewed.event_id, previewed.payload) == (event.id, {"title": "a leaking tap"})

            counts = client.call("events.replay_event", event.id, body=client.model("Aim", {"again": "all"})).parsed
            assert counts.events == 1
            entry = client.call("audit.list_audit").parsed.data[0]
            assert (entry.actor_kind, entry.actor_name, entry.object_id) == ("api_key", "tester", event.id)

            refused = client.call("sources.show_source", "nobody")
            assert (refused.status_code, refused.parsed.code) == (404, "not_found")
