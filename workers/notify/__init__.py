"""Notify: what people wait for, sent to where they are."""
