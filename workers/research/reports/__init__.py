"""Every market with every shipped strategy, in one summary for programs and one page for people."""
