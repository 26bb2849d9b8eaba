"""One file for each noun of the API: its routes validate, read or publish, and reply."""
