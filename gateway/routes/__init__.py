"""One file for each noun of the API; each validates, reads or publishes, and replies."""
