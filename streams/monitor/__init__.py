"""The monitor: rates, delays, silence and a canary of the whole chain; it decides nothing."""
