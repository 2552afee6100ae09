"""Group `ws`: the agent's sockets, and calls over them."""
