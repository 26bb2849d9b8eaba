"""Ingest: market data fetched, normalised, repaired and published as raw bars."""
