"""Predictions become graded signals."""
