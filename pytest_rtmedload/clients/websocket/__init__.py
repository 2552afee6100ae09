"""`load.ws`: the measured WebSocket."""
