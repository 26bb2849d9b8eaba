"""The command line: one file a noun, and what every command shares."""
