"""Load tests under way: what has been measured so far, and views of it."""
