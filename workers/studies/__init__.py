"""Optuna studies that any number of workers share, and that go on after a kill."""
