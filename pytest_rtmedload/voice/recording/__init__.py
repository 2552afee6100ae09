"""Sound and picture of a call."""
