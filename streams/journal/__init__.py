"""The journal of what humans did: entries, corrections, and what each trade earned."""
