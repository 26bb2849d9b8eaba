"""Doubles, small markets and small models that several tests share."""
