"""Where a record comes from: the graph of what was made of what, from any id."""
