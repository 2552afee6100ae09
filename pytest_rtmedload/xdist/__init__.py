"""Load tests on pytest-xdist: one engine that gives shards their processes."""
