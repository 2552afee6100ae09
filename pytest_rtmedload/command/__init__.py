"""The command `pytest-rtmedload`: projects, results and machines; pytest itself runs the load tests."""
