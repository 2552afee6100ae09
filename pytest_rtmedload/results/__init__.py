"""Plain data at the bottom of the package: histograms, what a shard recorded, and the model of a finished run.

Nothing here performs I/O, knows an event loop or imports pytest, so every other part may depend on it.
"""
