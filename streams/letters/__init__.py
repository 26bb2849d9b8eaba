"""Dead letters: what operators want done about them."""
