"""What an operator touches: command line, local broker, supervisor, topics."""
