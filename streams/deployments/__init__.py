"""Which config and which model answer together."""
