"""A stand-in for the agent, in its own processes, whose latency is known exactly.

The rule: its measurements of itself come from its own clock, and it imports nothing from the tool except `dialects`, so
that the tool can be checked against it. It is a stand-in, and every response says so.
"""
