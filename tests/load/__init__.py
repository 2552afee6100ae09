"""The standard suite of load tests for real-time voice agents: one folder for each group of tests.

These are packages because files of different groups share names, which pytest's default import mode allows only so.
"""
