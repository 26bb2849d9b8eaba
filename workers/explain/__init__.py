"""Explanations: what moved each prediction, feature by feature."""
