"""The summary in pytest's terminal and in the log."""
