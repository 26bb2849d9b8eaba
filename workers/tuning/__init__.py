"""Tuning: searches a strategy's parameters with Optuna."""
