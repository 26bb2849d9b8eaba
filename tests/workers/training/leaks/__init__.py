"""Eleven planted leaks, and the honest stage beside each."""
