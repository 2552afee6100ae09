"""What the samples prove: targets, tests, the load generator's own health, and the whole run. Pure functions."""
