"""Loaded models, and the predictions they make from batches of feature vectors."""
