"""Configs of strategies: what may stand in one, what it is called, and which version is ACTIVE."""
