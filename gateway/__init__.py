"""The thin edge: validate, publish, read views, reply."""
