"""Signals are scored when they expire."""
