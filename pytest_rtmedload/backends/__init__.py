"""The backend services of an agent, driven by their own official clients, unmodified.

Each client belongs to one virtual user and measures what that user waits for. Nothing here knows pytest, and SDKs are
imported where they are used: a service that is not tested does not need its client installed.
"""
