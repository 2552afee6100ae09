"""Turning operations into samples: the recorder with its time line, and the generator's own health."""
