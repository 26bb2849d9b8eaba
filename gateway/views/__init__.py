"""Read models: what the gateway answers from, folded from topics and rebuilt at start."""
