"""`load.observe`: clients of the user's own, measured in place."""
