"""Group `api`: the agent's REST interface."""
