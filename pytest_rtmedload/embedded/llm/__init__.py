"""A stand-in for OpenAI's and Azure OpenAI's chat completions, in a process of its own.

The rule: the official client, unmodified, cannot tell it from the service but by its words; and every time it takes is
drawn from a seeded model, kept on an absolute schedule, and told.
"""
