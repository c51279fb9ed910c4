"""Connecting an account without a browser: by a key, a name with a password, client credentials, a service account."""
