"""`gateway listen`, where it cannot begin: each fault says what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.cli.listen import local_url
from gateway.errors import AddressForbidden
from tests.integration.cli.conftest import CommandLine
from tests.services.postgres import free_port


def test_what_is_missing_or_misspelt_is_told(ready: Callable[[], CommandLine]) -> None:
    cli = ready()
    nowhere = f"http://127.0.0.1:{free_port()}"
    assert "--forward-to" in cli("listen", code=1).stderr
    assert "did you mean 'github'?" in cli("listen", "--print", "--source", "gihub", code=3).stderr
    misspelt = ("--source", "github", "--type", "issues.*", "--type", "pusj")
    assert "did you mean 'push'?" in cli("listen", "--print", *misspelt, code=3).stderr
    assert "brackets" in cli("listen", "--print", "--type", "a[b", code=1).stderr
    assert "--key-env VAR" in cli("listen", "--print", "--gateway", nowhere, code=1).stderr
    assert "--gateway URL" in cli("listen", "--print", "--key-env", "KEY", code=1).stderr
    far = ("listen", "--print", "--gateway", nowhere, "--key-env", "KEY")
    assert "KEY is not set" in cli(*far, code=1).stderr
    assert f"nothing answers at {nowhere}" in cli(*far, code=1, KEY="gwk_x").stderr


def test_where_to_may_be_short() -> None:
    assert local_url("3000") == "http://localhost:3000/"
    assert local_url("localhost:3000/hook?x=1") == "http://localhost:3000/hook?x=1"
    assert local_url("https://app.test/hook") == "https://app.test/hook"
    with pytest.raises(AddressForbidden):
        local_url("ftp://localhost/")
