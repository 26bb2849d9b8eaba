"""Market: raw bars in, checked bars and the continuity ledger out."""
