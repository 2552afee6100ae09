"""Measured clients: what a test body talks to the agent with."""
