"""The entries that come with the project, and those of an operator's directory over them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.providers import CatalogueError, catalogue, load_catalogue, parse_provider
from gateway.providers.webhook.functions import FUNCTIONS
from gateway.webhooks.verification.functions import FUNCTIONS as IMPLEMENTED
from tests.services.for_each import for_each_row

# What is known of these is how they are called.
CALLED_ONLY = {"cloudflare", "digitalocean", "freshdesk", "google", "klaviyo"}
LEVELS = {"sdk", "docs", "source", "secondary", "ours", "run", "single"}


def test_everything_is_there() -> None:
    providers = catalogue()
    assert sum(provider.sends_webhooks for provider in providers.values()) == 168 + 1
    called = {name for name, one in providers.items() if one.api is not None and not one.sends_webhooks}
    assert called == CALLED_ONLY
    assert all(one.sends_webhooks or one.api is not None or one.oauth is not None for one in providers.values())
    assert sum(len(provider.webhook.schemes) for provider in providers.values()) == 195 + 2
    assert sum(len(provider.webhook.handshakes) for provider in providers.values()) == 31


def test_entries_carry_what_people_are_shown() -> None:
    for provider in catalogue().values():
        assert provider.name
        assert provider.category
        assert provider.docs or not (provider.sends_webhooks or provider.api)
        assert provider.evidence.level in LEVELS
        assert provider.origin == f"{provider.id}.yaml"
        for scheme in provider.webhook.schemes:
            if scheme.timestamp is not None and scheme.timestamp.tolerance_seconds is not None:
                assert scheme.timestamp.tolerance_from in {"sdk", "docs", "secondary", "suggested"}


@for_each_row(
    "provider_id",
    ["standard-webhooks", "github", "stripe", "slack", "shopify", "twilio", "discord", "meta", "zoom", "gitlab"],
)
def test_the_first_providers_tell_how_to_set_them_up(provider_id: str) -> None:
    assert catalogue()[provider_id].setup


def test_it_is_read_once() -> None:
    assert catalogue() is catalogue()


def test_it_cannot_be_changed_by_its_readers() -> None:
    with pytest.raises(TypeError):
        catalogue()["github"] = catalogue()["gitlab"]  # type: ignore[index]


def test_needs_are_known_as_data() -> None:
    providers = catalogue()
    assert providers["github"].scheme().requires == {"secret"}
    assert providers["discord"].scheme().requires == {"public_key"}
    assert providers["chargebee"].scheme().requires == {"username", "password"}
    assert providers["plaid"].scheme().requires == {"jwks"}
    assert providers["apple-app-store"].scheme().requires == {"root_certs"}
    assert providers["apple-app-store"].scheme().options == {"bundle_id"}
    assert providers["paypal"].scheme().requires == frozenset()
    assert providers["paypal"].scheme().options == {"webhook_id"}
    assert providers["paypal"].scheme().fetches
    assert providers["braintree"].scheme().requires == {"secret", "public_key"}
    assert providers["meta"].webhook.handshake_options == {"verify_token"}
    assert providers["aws-sns"].scheme().options == {"topic_arn"}
    assert providers["aws-sns"].scheme().optional == set()
    assert providers["generic"].scheme("unsigned").unsigned
    assert not providers["generic"].scheme("hmac").unsigned
    assert providers["mollie"].scheme("classic").unsigned


def test_proofs_that_are_the_same_for_all_customers_of_a_vendor_are_bound() -> None:
    """Each of them by hand: an entry that is new here was looked at by somebody."""
    bound = {
        (provider.id, *(sorted(scheme.binding) or ["by its address"]))
        for provider in catalogue().values()
        for scheme in provider.webhook.schemes
        if scheme.is_vendor_wide
    }
    assert bound == {
        ("apple-app-store", "bundle_id"),
        ("aws-sns", "topic_arn"),
        ("google-pubsub", "service_account"),
        ("highlevel", "by its address"),
        ("paypal", "webhook_id"),
        ("plaid", "by its address"),
        ("truelayer", "by its address"),
        ("wise", "by its address"),
    }


def test_an_option_binds_only_where_it_is_compared_with_what_is_signed(entry: str) -> None:
    vendors = (
        entry.replace("hmac-sha256", "ed25519\n    key: {public_key: pem, of: vendor}\n    checks: [CHECK]")
        + "options: {account: {about: The account., binds: true}}\n"
    )
    signed = vendors.replace("CHECK", '{value: json:account, equals: "{option:account}"}')
    assert parse_provider("acme", signed, origin="acme.yaml").scheme().binding == {"account"}
    for check in (
        '{value: header:X-Account, equals: "{option:account}"}',
        '{value: json:account, equals: "{option:account}", if_present: true}',
    ):
        with pytest.raises(CatalogueError, match="the same for all customers"):
            parse_provider("acme", vendors.replace("CHECK", check), origin="acme.yaml")


def test_scheme_by_id() -> None:
    github = catalogue()["github"]
    assert github.scheme().id == "sha256"
    assert github.scheme("sha1_legacy").hash == "sha1"
    with pytest.raises(KeyError):
        github.scheme("sha512")


def test_own_entries_add_and_override(tmp_path: Path, entry: str) -> None:
    (tmp_path / "acme.yaml").write_text(entry)
    (tmp_path / "github.yaml").write_text(entry)
    providers = catalogue(tmp_path)
    assert providers["acme"].name == "Acme"
    assert providers["github"].name == "Acme"
    assert len(providers) == len(catalogue()) + 1
    assert catalogue(tmp_path) is providers
    assert catalogue()["github"].name == "GitHub"


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="is not a directory"):
        load_catalogue(tmp_path / "none")


def test_functions_of_the_notation_exist() -> None:
    # generic_hmac is made into plain data by the source's options before anything runs.
    assert FUNCTIONS.keys() - {"generic_hmac"} == set(IMPLEMENTED)
