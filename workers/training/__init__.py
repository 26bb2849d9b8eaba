"""Models are trained on the features topic, judged out of sample, and announced."""
