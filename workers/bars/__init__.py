"""Recorded bars: from files, archives and topics, with the funding that was paid on them."""
