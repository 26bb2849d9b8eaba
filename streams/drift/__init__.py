"""Harm: whether a serving model does worse than out of sample, and is to be retrained."""
