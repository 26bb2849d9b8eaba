"""The account of a human, read with a key that may only read."""
