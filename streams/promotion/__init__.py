"""Which model serves, from when: the event-sourced truth."""
