"""Each benchmark measures the gateway and a reference in alternation; docs/performance.md has the figures."""
