"""A stand-in for the agent, in processes of its own, whose latency is known exactly.

The rule: what it measures about itself comes from its own clock, and it imports nothing of the tool but `dialects`, so
that it can serve as the truth the tool is checked against. It is a stand-in, and every answer says so.
"""
