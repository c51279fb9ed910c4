"""The end of connections: here at once, and at the provider as soon as it can be told."""
