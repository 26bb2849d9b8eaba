"""Answers: bodies of responses, from the views or, for what the views lack, from a worker."""
