"""Results as tables and lines for a terminal."""
