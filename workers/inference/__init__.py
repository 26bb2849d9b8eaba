"""Inference: features and regimes in, class probabilities out."""
