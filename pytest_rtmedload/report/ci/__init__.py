"""The run as CI servers take it."""
