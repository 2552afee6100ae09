"""When work happens and who does it: the resolved load test, conductors, virtual users and their fixtures."""
