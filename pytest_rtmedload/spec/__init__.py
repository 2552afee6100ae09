"""Load tests and options as data."""
