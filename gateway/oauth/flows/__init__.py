"""Accounts connected by a browser or a device: one-time URLs, the way to the provider and back, and what comes of it.

Pages and redirects are `oauth.views`' matter, what is said to a provider that of `oauth.protocol`.
"""
