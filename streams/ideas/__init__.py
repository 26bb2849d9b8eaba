"""Signals become ideas: entered, left, and their results."""
