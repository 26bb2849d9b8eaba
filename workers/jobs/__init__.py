"""What every job shares: its progress on the topic, its results as files."""
