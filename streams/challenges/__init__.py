"""Challenges between the model that serves and one that could."""
