"""A pytest plugin that load-tests real-time voice agents, with performance assertions."""
