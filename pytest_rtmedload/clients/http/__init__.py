"""`load.http`: the measured HTTP client."""
