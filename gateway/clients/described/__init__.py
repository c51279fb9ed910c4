"""Systems that are described as data, in the section `api` of their catalogue entries."""

from gateway.clients.described.client import DescribedClient, DescribedResource

__all__ = ["DescribedClient", "DescribedResource"]
