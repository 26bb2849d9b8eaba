"""Tests of the processes with side effects."""
