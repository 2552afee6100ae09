"""The command `pytest-rtmedload`: what is about results and machines, not about tests."""
