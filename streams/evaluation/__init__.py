"""Evaluation: what a run earned, how sure that is, and how much of it was only search."""
