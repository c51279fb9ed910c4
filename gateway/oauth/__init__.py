"""Connect: OAuth flows for an application's customers, their tokens in a vault, and what keeps these alive."""
