"""Group `backend`: the services that the agent uses, each by itself."""
