"""App credentials: a tenant's apps at OAuth providers, and what is said to a provider in their name."""
