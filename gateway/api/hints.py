"""What hints mean to a program: for each action the words, and the operation that does it where there is one.

Errors below the doors carry hints as data (`gateway.errors.Hint`); a test holds this table complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gateway.errors import Hint

PREFIX = "/api/v1"


class Words(NamedTuple):
    """What may help. `operation` is a method and a path, whose braces stand for parameters of the hint."""

    detail: str
    operation: str = ""


WORDS: Mapping[str, Words] = {
    "accept_replays": Words("let the source take what was signed alike", "PATCH /sources/{slug}"),
    "add_app_credentials": Words("add the app credentials", "POST /app-credentials"),
    "activate_integration": Words("activate the integration", "POST /integrations/{name}/activate"),
    "add_destination": Words("add the destination", "POST /destinations"),
    "add_integration": Words("add the integration", "POST /integrations"),
    "add_source": Words("add a source", "POST /sources"),
    "allow_empty": Words("say allow_empty if all routes are meant to go", "PUT /manifest"),
    "allow_return_origins": Words("an operator allows its origin, in the tenant's return_origins"),
    "bring_back_key": Words("whoever runs the gateway has to bring back an encryption key"),
    "cancel_deliveries": Words("wait for what is pending, or cancel it", "GET /deliveries?destination={destination}"),
    "choose_entity": Words("name it by its id"),
    "choose_one_of": Words("take one of these names"),
    "choose_scheme": Words("choose this scheme for the source"),
    "choose_source": Words("name one of these sources"),
    "connect_again": Words("send the customer through a connect session that reconnects it", "POST /connect-sessions"),
    "connect_anew": Words("connect the account as another connection", "POST /connect-sessions"),
    "create_database": Words("whoever runs the gateway has to make the database"),
    "create_postgresql_database": Words("whoever runs the gateway has to make the database"),
    "create_tenant": Words("make the tenant", "POST /tenants"),
    "deactivate_integration": Words("take the integration down", "POST /integrations/{name}/deactivate"),
    "did_you_mean": Words("one of these names is nearly the one that is given"),
    "disable_source": Words("switch the source off", "POST /sources/{slug}/disable"),
    "enable_source": Words("switch the source on", "POST /sources/{slug}/enable"),
    "examine_installation": Words("whoever runs the gateway should look whether it is well", "GET /readyz"),
    "explain_rejection": Words("have it explained", "POST /rejections/{rejection}/explain"),
    "explain_request": Words("have the request explained", "GET /rejections"),
    "finish_erasing": Words("whoever runs the gateway has to finish erasing the tenant"),
    "force_purge": Words("events that young are not forgotten from here"),
    "generate_key": Words("whoever runs the gateway has to make an encryption key"),
    "generate_secret": Words("give generate_secret, and one is made and shown once"),
    "give_as_secret": Words("give it in secrets, under {name}"),
    "give_client_secret": Words("give it in client_secret"),
    "give_credential": Words("give it in credentials, under {kind}"),
    "give_credentials_again": Words("add it again, with reconnect", "POST /connections"),
    "give_new_secret": Words("give a value, or generate"),
    "give_option": Words("give it in options, under {name}"),
    "give_parameter": Words("give it in parameters, under {name}"),
    "give_private_key": Words("give it in private_key"),
    "give_secret": Words("give it in credentials, under secret, or give generate_secret where the vendor takes yours"),
    "give_slug": Words("give a slug"),
    "give_time": Words("say when the request came"),
    "grant_rights": Words("whoever runs the gateway has to give its user the rights that it needs in the database"),
    "leave_out_secret": Words("leave out the secret, and one is made and shown once"),
    "list_conflicts": Words("see which conflicts there are", "GET /conflicts"),
    "list_entities": Words("see which entities there are", "GET /entities"),
    "list_functions": Words("see https://jmespath.org/specification.html#built-in-functions"),
    "list_keys": Words("see which keys there are", "GET /api-keys"),
    "list_rejections": Words("see the rejections of the last 7 days", "GET /rejections"),
    "list_routes": Words("see which routes there are", "GET /routes"),
    "list_schedules": Words("see which schedules there are", "GET /schedules"),
    "list_sources": Words("see which sources there are", "GET /sources"),
    "make_up_slug": Words("give - as the slug to have one made that nobody can guess"),
    "name_route": Words("to keep both, first give that route a name", "PATCH /routes/{name}"),
    "print_sample": Words("look at the sample instead of sending it"),
    "purge": Words("whoever runs the gateway has to forget old events"),
    "raise_limit": Words("an operator may raise the limit {limit}", "PATCH /tenants/{slug}"),
    "refresh_connection": Words("refresh it now", "POST /connections/{connection}/refresh"),
    "register_no_webhooks": Words("register none", "PATCH /integrations/{name}"),
    "remove_entities": Words("take it down again in the mode all", "POST /integrations/{name}/deactivate"),
    "remove_routes": Words("remove these routes first", "GET /routes"),
    "restart_with_keys": Words("whoever runs the gateway has to start its processes anew with the same keys"),
    "restore_entity": Words("bring the entity back", "POST /entities/{entity}/restore"),
    "resume_integration": Words("let the integration go on", "POST /integrations/{name}/resume"),
    "resume_tenant": Words("let the tenant receive and deliver again", "POST /tenants/{slug}/resume"),
    "revoke_connections": Words("end these connections first", "GET /connections?app_credentials={name}"),
    "revoke_key": Words("revoke that key, or choose another name", "DELETE /api-keys/{name}"),
    "rotate_app_credentials": Words("give the app credentials their new secret", "POST /app-credentials/{name}/rotate"),
    "rotate_secret": Words("give the source another secret", "POST /sources/{slug}/rotate"),
    "rotate_with_overlap": Words("let the old secret count for longer, by overlap", "POST /sources/{slug}/rotate"),
    "send_sample": Words("send a signed sample", "POST /sources/{slug}/test"),
    "set_options": Words("set these options of the source", "PATCH /sources/{slug}"),
    "show_app_credentials": Words("look at the app credentials", "GET /app-credentials/{name}"),
    "show_destination": Words("look at the destination", "GET /destinations/{name}"),
    "show_entity": Words("look at that entity", "GET /entities/{entity}"),
    "show_handshake": Words("look whether the secret has come", "GET /sources/{slug}"),
    "show_integration": Words("look at the integration", "GET /integrations/{name}"),
    "show_integration_health": Words("look at its checks", "GET /integrations/{name}/health"),
    "show_provider": Words("look at what is known about the provider", "GET /providers"),
    "show_route": Words("look at the route", "GET /routes/{name}"),
    "show_source": Words("look at the source", "GET /sources/{slug}"),
    "show_sync_run": Words("look at the sync run", "GET /sync-runs/{run}"),
    "start_gateway": Words("whoever runs the gateway has to start it"),
    "start_worker": Words("whoever runs the gateway has to start a worker"),
    "test_connection": Words("ask the provider whether it works", "POST /connections/{connection}/test"),
    "try_url": Words("try it with another URL"),
    "upgrade_database": Words("whoever runs the gateway has to bring the database to this version"),
    "use_generic_provider": Words(
        "for any sender with an HMAC there is the provider generic", "GET /providers/generic"
    ),
}


class _Filled(dict[str, Any]):
    """What a hint does not bring stays a placeholder."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


def as_data(hint: Hint) -> dict[str, Any]:
    """A hint as it is answered. Pure."""
    words = WORDS[hint.action]
    parameters = _Filled(hint.parameters)
    found: dict[str, Any] = {"action": hint.action, "detail": words.detail.format_map(parameters)}
    if hint.parameters:
        found["parameters"] = dict(hint.parameters)
    if words.operation:
        method, path = words.operation.split(" ", 1)
        prefix = "" if path == "/readyz" else PREFIX
        found["operation"] = {"method": method, "href": prefix + path.format_map(parameters)}
    return found
