"""Signal back-test: recorded bars through the live processors, and what came of every signal."""
