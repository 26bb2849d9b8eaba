"""A library: the venue, read-only. What it answers, what it refuses, when it is asked again."""
