"""What hints mean at a command line: for each action the words, with the command where there is one.

Errors and findings below the doors carry hints as data (`gateway.errors.Hint`); a test holds this table complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.errors import ConfigurationError, Fault, GatewayError, Hint, InvalidInput
from gateway.security.tokens import random_slug

Parameters = Mapping[str, Any]

EXAMPLE_SOURCE = "gateway sources add github --provider github --secret-env GITHUB_WEBHOOK_SECRET"
# What stands for a value that the hint does not bring.
PLACEHOLDERS: Mapping[str, str] = {"slug": "SLUG", "provider": "…", "name": "NAME"}


def _names(parameters: Parameters) -> str:
    names = list(parameters["names"])
    return repr(names[0]) if len(names) == 1 else " or ".join(names)


def add_source_command(parameters: Parameters) -> str:
    """The command that adds a source with what the hint names."""
    parts = [_filled("gateway sources add {slug} --provider {provider}", parameters)]
    if "scheme" in parameters:
        parts.append(f"--scheme {parameters['scheme']}")
    for kind in parameters.get("credentials", ()):
        parts.append("--secret-env VAR" if kind == "secret" else f"--credential-env {kind}=VAR")
    parts += [f"--option {name}=…" for name in parameters.get("options", ())]
    return " ".join(parts)


def add_app_command(parameters: Parameters) -> str:
    """The command that adds app credentials with what the hint names."""
    parts = [_filled("gateway app-credentials add {name} --provider {provider}", parameters)]
    if parameters.get("has_client_id", True):
        parts.append("--client-id ID")
    if parameters.get("has_secret", True):
        parts.append("--client-secret-env VAR")
    parts += [f"--param {name}=…" for name in parameters.get("parameters", ())]
    return " ".join(parts)


def _options(parameters: Parameters) -> str:
    return "they are " + " ".join(f"--option {name}={text!r}" for name, text in parameters["options"].items())


# As the end of a line: after a semicolon, or after the colon that they begin with.
WORDS: Mapping[str, str | Callable[[Parameters], str]] = {
    "accept_replays": "let them in with `gateway sources change {slug} --accept-replays`",
    "add_app_credentials": lambda parameters: f"add them with `{add_app_command(parameters)}`",
    "activate_integration": "activate it with `gateway integrations activate {name}`",
    "add_destination": "add it with `gateway destinations add {name} URL`",
    "add_integration": "add it with `gateway integrations add {name} --type …`",
    "add_source": lambda parameters: f"add it with `{add_source_command(parameters)}`",
    "allow_empty": ": say --allow-empty if that is meant",
    "allow_return_origins": lambda parameters: (
        "allow it with `gateway tenants set TENANT "
        + " ".join(f"--return-origin {origin}" for origin in parameters["origins"])
        + "`"
    ),
    "bring_back_key": (
        "bring back its file instance/encryption.key, or put it into GATEWAY_ENCRYPTION_KEYS; if it is lost for good, "
        "`gateway secrets forget ID` gives up what is sealed with it"
    ),
    "cancel_deliveries": ": wait for them, or cancel them with `gateway deliveries cancel --destination {destination}`",
    "choose_entity": "name it by its id, or say --integration or --kind",
    "choose_one_of": lambda parameters: f"there is {', '.join(parameters['names'])}",
    "choose_source": lambda parameters: f": choose with --source {' or '.join(parameters['slugs'])}",
    "connect_again": "send its customer a link: `gateway connect {app_credentials} --reconnect {connection}`",
    "connect_anew": "make another one with `gateway connect {app_credentials}`",
    "create_database": ": `gateway run` makes it, or `gateway db upgrade`",
    "create_postgresql_database": "make it with `createdb NAME`, or `CREATE DATABASE NAME`, then `gateway db upgrade`",
    "create_tenant": "make it with `gateway tenants create {slug}`",
    "deactivate_integration": "`gateway integrations deactivate {name}`",
    "did_you_mean": lambda parameters: f"did you mean {_names(parameters)}?",
    "disable_source": "switch it off with `gateway sources disable {slug}`",
    "enable_source": "switch it on with `gateway sources enable {slug}`",
    "examine_installation": "see `gateway doctor`",
    "explain_rejection": "`gateway explain {rejection}` says why",
    "explain_request": "give it with --headers and --body",
    "finish_erasing": "finish it with `gateway tenants erase {slug}`",
    "force_purge": ": say --force if that is meant",
    "generate_key": "make one with `gateway secrets generate`",
    "give_as_secret": "give it with --secret-env {name}=VAR",
    "give_client_secret": ": give it with --client-secret-env VAR, or - for --client-secret to read it",
    "give_credential": "give it with --credential {kind}=… (in a file: credentials)",
    "give_credentials_again": "give it others with `gateway connections add {provider} --reconnect {connection}`",
    "give_new_secret": "give --secret-env, --secret or --generate-secret",
    "give_option": "give it with --option {name}=…",
    "give_parameter": "give it with --param {name}=…",
    "give_private_key": ": give it with --private-key-env VAR or --private-key-file FILE",
    "give_secret": (
        ": give it with --secret-env VAR or --secret, or --generate-secret where the vendor lets you choose it "
        "(in a file: secret_env or secret)"
    ),
    "give_slug": f"give the source a SLUG, for example: {EXAMPLE_SOURCE}",
    "give_time": "say with --at when it came",
    "grant_rights": (
        "as its owner: `GRANT CREATE ON DATABASE NAME TO USER; GRANT ALL ON SCHEMA public TO USER`, or let the owner "
        "run `gateway db upgrade`"
    ),
    "leave_out_secret": "leave it out to have one made",
    "list_conflicts": "see `gateway conflicts list`",
    "list_entities": "see `gateway entities list`",
    "list_functions": "see https://jmespath.org/specification.html#built-in-functions",
    "list_keys": "see `gateway keys list`",
    "list_rejections": "`gateway rejections list` shows those of the last 7 days",
    "list_routes": "see `gateway routes list`",
    "list_schedules": "see `gateway schedules list`",
    "list_sources": "`gateway sources list` shows the right ones",
    "make_up_slug": lambda _parameters: (
        f"use the slug - to have one made (in a file write one out, such as {random_slug()})"
    ),
    "name_route": "to keep both, first give that one a name: `gateway routes change {name} --name NAME`",
    "print_sample": "see it with --print",
    "purge": "forget old events with `gateway purge`",
    "raise_limit": "raise it with `gateway tenants set {slug} --limit {limit}=NUMBER`",
    "refresh_connection": "try it now with `gateway connections refresh {connection}`",
    "register_no_webhooks": "`gateway integrations update {name} --sync registers_webhooks=false`",
    "remove_entities": "remove them with `gateway integrations deactivate {name} --mode all`",
    "remove_routes": lambda parameters: f": first `gateway routes remove {' '.join(parameters['names'])}`",
    "restart_with_keys": ": start every web process and worker anew with the same keys, the new one first",
    "restore_entity": "bring it back with `gateway entities restore {entity}`",
    "resume_integration": "let it go on with `gateway integrations resume {name}`",
    "resume_tenant": "`gateway tenants resume {slug}`",
    "revoke_connections": ": end them first; `gateway connections list --app-credentials {name}` shows them",
    "revoke_key": "to make a new one, first `gateway keys revoke {name}`",
    "rotate_app_credentials": "give them their new secret with `gateway app-credentials rotate {name}`",
    "rotate_secret": "store it with `gateway sources rotate {slug} --secret-env VAR`",
    "rotate_with_overlap": "that is `gateway sources rotate {slug} --overlap 72h`",
    "send_sample": "`gateway send {provider}` signs a sample",
    "set_options": _options,
    "show_app_credentials": "see `gateway app-credentials show {name}`",
    "show_destination": "see `gateway destinations show {name}`",
    "show_entity": "see `gateway entities show {entity}`",
    "show_integration": "see `gateway integrations show {name}`",
    "show_integration_health": "see `gateway integrations health {name}`",
    "show_provider": "see `gateway providers show`",
    "show_route": "see `gateway routes show {name}`",
    "show_source": "see `gateway sources show {slug}`",
    "show_sync_run": "see `gateway sync-runs show {run}`",
    "start_gateway": ": start the gateway with `gateway run`",
    "start_worker": ": start one with `gateway run`, or `gateway worker`",
    "test_connection": "ask the provider with `gateway connections test {connection}`",
    "try_url": "try another one with --url",
    "upgrade_database": ": run `gateway db upgrade`",
    "use_generic_provider": "for any sender with an HMAC there is `generic`",
}


def words(hint: Hint) -> str:
    """What a hint says at a command line. Pure."""
    return _words(hint).removeprefix(": ")


def with_hints(text: str, hints: Sequence[Hint]) -> str:
    """A line of a message, followed by what may help."""
    return text + "".join(said if said.startswith(": ") else f"; {said}" for said in map(_words, hints))


def with_sentences(text: str, hints: Sequence[Hint]) -> str:
    """Whole sentences, followed by what may help in sentences of their own."""
    return " ".join([text, *(f"{said[0].upper()}{said[1:].removesuffix('.')}." for said in map(words, hints))])


def message(error: GatewayError) -> str:
    """An error in words: a line for each fault, with what may help."""
    if isinstance(error, InvalidInput) and error.faults:
        return "\n".join(fault_line(fault, tells_path=error.tells_paths) for fault in error.faults)
    if isinstance(error, ConfigurationError):
        return "\n".join([*error.faults, *map(words, error.hints)])
    return with_hints(str(error) or error.code, error.hints)


def _words(hint: Hint) -> str:
    found = WORDS[hint.action]
    return _filled(found, hint.parameters) if isinstance(found, str) else found(hint.parameters)


def fault_line(fault: Fault, *, tells_path: bool = False) -> str:
    """A fault in words, with what may help; with the path of its field where that is asked for."""
    line = with_hints(fault.message, [fault.hint] if fault.hint is not None else [])
    return f"{fault.field}: {line}" if tells_path else line


def _filled(text: str, parameters: Parameters) -> str:
    return text.format_map({**PLACEHOLDERS, **parameters})
