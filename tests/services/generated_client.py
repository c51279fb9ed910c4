"""A client that a generator makes from the OpenAPI document: what somebody has who knows nothing else of the gateway.

By openapi-python-client (https://github.com/openapi-generators/openapi-python-client), as a package on the path.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType

PACKAGE = "generated_gateway_client"


class GeneratedClient:
    """Calls the functions of the package; what is answered is what they parse."""

    def __init__(self, base_url: str, key: str) -> None:
        self._client = import_module(f"{PACKAGE}.client").AuthenticatedClient(
            base_url=base_url, token=key, raise_on_unexpected_status=True
        )

    def call(self, operation: str, *path: str, **arguments: Any) -> Any:
        """The whole answer of `tag.operation_id`: `parsed`, `content`, `status_code`, `headers`."""
        function = import_module(f"{PACKAGE}.api.{operation}").sync_detailed
        return function(*path, client=self._client, **arguments)

    def model(self, name: str, document: Mapping[str, Any]) -> Any:
        """A model of the package, as its own reader makes it."""
        return getattr(import_module(f"{PACKAGE}.models"), name).from_dict(dict(document))

    def close(self) -> None:
        """Close its connections."""
        self._client.get_httpx_client().close()


@contextmanager
def generated_client(
    document: Mapping[str, Any], directory: Path, base_url: str, key: str
) -> Iterator[GeneratedClient]:
    """A client made from `document` inside `directory`. Fails where the generator has something to say."""
    source = directory / "openapi.json"
    source.write_text(json.dumps(document))
    config = Config.from_sources(
        ConfigFile(post_hooks=[]), MetaType.NONE, source, "utf-8", overwrite=True, output_path=directory / PACKAGE
    )
    said = [f"{one.header}: {one.detail}" for one in generate(config=config)]
    assert said == [], "\n".join(said)
    sys.path.insert(0, str(directory))
    try:
        with closing(GeneratedClient(base_url, key)) as client:
            yield client
    finally:
        sys.path.remove(str(directory))
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]
