"""From a batch of feature vectors to predictions, through models that are loaded and warm."""
