"""Shifts: whether features are still distributed as in the training."""
