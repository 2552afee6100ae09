"""The backend services of an agent, driven by their own official clients, unmodified.

Each client belongs to one virtual user and measures what that user waits for. Nothing here knows pytest, and SDKs are
imported where they are used: who does not test a service need not install its client.
"""
