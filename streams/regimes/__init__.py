"""Regimes: filtered bull, bear and sideways probabilities, and the rule-based trend state."""
