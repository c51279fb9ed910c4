"""docs/providers is what the catalogue says, and docs/ADDING_A_PROVIDER.md tells the truth: its example is loaded,
its vector judged, its faults shown as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.main import gateway
from gateway.cli.provider_pages import INDEX, pages, write
from gateway.cli.terminal.entry_words import add_command, say
from gateway.providers import CatalogueError, catalogue, load_file, parse_provider
from gateway.providers.oauth import words as oauth_words
from gateway.providers.oauth.hosts import redirect_path
from gateway.providers.oauth.schema import OAuthSchema
from gateway.providers.oauth.templates import FROM_THE_START, GIVEN_LATER
from gateway.providers.oauth.words import REFRESH
from gateway.providers.prose.description import describe
from gateway.providers.prose.words import EVIDENCE, IDS
from gateway.providers.webhook.places import FILTERS, NAMED_KINDS, PLAIN_KINDS
from gateway.providers.webhook.schema import METHODS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "providers"
GUIDE = (ROOT / "docs" / "ADDING_A_PROVIDER.md").read_text(encoding="utf-8")
REMAKE = "make them anew: python -m gateway.cli.provider_pages docs/providers"


def _block(name: str) -> str:
    """The code block of the guide that follows the name of its file."""
    match = re.search(rf"`{re.escape(name)}`[^`]*?\n\n```\w*\n(.*?)```", GUIDE, re.DOTALL)
    assert match is not None, f"the guide has no block for {name}"
    return match[1]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The guide's files, as a stranger would write them."""
    for name in ("acme-shop.yaml", "acme-shop.vectors.jsonl"):
        (tmp_path / name).write_text(_block(name), encoding="utf-8")
    return tmp_path


def test_the_pages_are_in_step_with_the_catalogue() -> None:
    wanted = pages()
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert found.keys() == wanted.keys(), REMAKE
    assert [name for name in wanted if found[name] != wanted[name]] == [], REMAKE


def test_the_readme_counts_right() -> None:
    providers = catalogue().values()
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    signing = sum(provider.sends_webhooks for provider in providers) - 1  # `generic` is nobody's
    called = sum(provider.api is not None for provider in providers)
    assert f"{signing} providers are known by\nhow they sign" in text
    assert f"{called} systems\nare known by [how they are called]" in text
    connected = sum(provider.oauth is not None for provider in providers)
    assert f"and {connected} by how their customers'" in text
    assert f"[{connected - 3} others](docs/providers/README.md)" in text


def test_pages_of_providers_that_are_gone_are_removed(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text("x")
    assert write(tmp_path) == len(catalogue()) + 1
    assert not (tmp_path / "gone.md").exists()
    assert (tmp_path / INDEX).exists()


def test_every_page_says_how_to_set_up_what_is_verified_and_how_sure_that_is() -> None:
    for provider in catalogue().values():
        sections = {section.title.partition(":")[0]: section.lines for section in describe(provider, say)}
        webhooks = {"Set up", "What is verified", "Events", "Answers and retries"}
        if provider.sends_webhooks:
            assert webhooks <= sections.keys()
            assert add_command(provider) in sections["Set up"][0]
            assert IDS[provider.evidence.ids] in " ".join(sections["Evidence"])
        else:
            assert not (webhooks - {"Set up"}) & sections.keys()
            assert tuple(sections.get("Set up", ())) == provider.setup
        assert EVIDENCE[provider.evidence.level] in sections["Evidence"][0]
        assert ("Handshakes" in sections) is bool(provider.webhook.handshakes)
        assert ("Connecting accounts" in sections) is (provider.oauth is not None)
        assert ("Calling its API" in sections) is (provider.api is not None)
        assert set(provider.quirks) <= set(sections.get("Good to know", ()))


def test_no_line_holds_what_only_a_program_understands() -> None:
    for provider in catalogue().values():
        for line in (line for section in describe(provider, say) for line in section.lines):
            assert "Place(" not in line
            assert "None" not in line.split()
            assert not re.search(r"\bfrozenset|Template\(|<.*object at", line), line


def test_every_page_says_where_the_browser_comes_back_to_and_what_is_asked_for_and_kept() -> None:
    for provider in catalogue().values():
        if (oauth := provider.oauth) is None:
            continue
        lines = next(one.lines for one in describe(provider, say) if one.title == "Connecting accounts")
        text = "\n".join(lines)
        if oauth.authorize is not None:
            assert redirect_path(provider.id, oauth, "<app credentials>") in text
            assert all(scope in text for scope in oauth.authorize.scopes)
        assert all(f"Parameter `{name}`: " in text for name in oauth.parameters)
        assert all(f"`{name}`" in text for name in oauth.kept)
        assert REFRESH[oauth.refresh.style] in text
        assert len(oauth.quirks) == sum(quirk[1:] in text for quirk in oauth.quirks)


def test_the_guide_names_every_word_of_oauth() -> None:
    chapter = GUIDE[GUIDE.index("## How accounts are connected") :]
    known = (oauth_words.GRANTS, oauth_words.AUTHENTICATION, oauth_words.PKCE, oauth_words.REFRESH)
    for table in (*known, oauth_words.REVOCATION, oauth_words.EXPIRY, oauth_words.ACCOUNT, oauth_words.EVIDENCE):
        for word in table:
            assert f"`{word}`" in chapter, word
    for key in OAuthSchema().fields:
        assert f"`{key}`" in chapter, key
    for name in FROM_THE_START | GIVEN_LATER:
        assert f"`{{{name}}}`" in chapter, name


def test_the_guide_s_oauth_is_valid(tmp_path: Path) -> None:
    section = re.search(r"```yaml\n(oauth:\n.*?)```", GUIDE, re.DOTALL)
    assert section is not None
    (tmp_path / "acme-shop.yaml").write_text(f"{_block('acme-shop.yaml')}{section[1]}", encoding="utf-8")
    shop = load_file(tmp_path / "acme-shop.yaml")
    assert shop.oauth is not None
    assert shop.sends_webhooks


def test_the_example_is_a_valid_entry_and_its_vectors_pass(own: Path) -> None:
    provider = load_file(own / "acme-shop.yaml")
    assert provider.id not in catalogue()
    command = ["providers", "check", str(own / "acme-shop.yaml"), "--vectors", str(own / "acme-shop.vectors.jsonl")]
    result = CliRunner().invoke(gateway, command)
    assert result.exit_code == 0, result.output
    assert "3 of 3 vectors are judged as they expect" in result.stdout


def test_the_guide_s_faults_are_what_is_said(own: Path) -> None:
    shown = re.search(r"```\n(acme-shop\.yaml: .*?)```", GUIDE, re.DOTALL)
    assert shown is not None
    text = _block("acme-shop.yaml")
    broken = text.replace("encoding: hex", "encoding: hax").replace("tolerance_seconds", "tolerance_secs")
    with pytest.raises(CatalogueError) as caught:
        parse_provider("acme-shop", broken, origin="acme-shop.yaml")
    assert sorted(shown[1].split("\n")[:-1]) == sorted(caught.value.faults)


def test_the_guide_names_every_method_place_and_filter() -> None:
    for family in {method.partition("-")[0] for method in METHODS}:
        assert f"`{family}" in GUIDE, family
    for kind in PLAIN_KINDS | NAMED_KINDS:
        assert f"`{kind}" in GUIDE or f"`{{{kind}" in GUIDE, kind
    for name in FILTERS:
        assert f"`{name}`" in GUIDE, name
    for level in EVIDENCE:
        assert f"`{level}`" in GUIDE, level
