"""Answers: what a route says, made of the views and, where they cannot tell, of a worker."""
