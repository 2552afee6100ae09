"""A stand-in for OpenAI's and Azure OpenAI's chat completions, in its own process.

The rule: the unmodified official client sees no difference from the real service except in the text; every delay is
drawn from a seeded model, kept on an absolute schedule, and reported.
"""
