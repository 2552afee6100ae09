"""Measured clients: what a test body talks to the agent with."""

from __future__ import annotations


def warm_up() -> None:
    """Import the clients and set them up, some 100 ms once per process: in a running test that would be lag."""
    from pytest_rtmedload.clients import http, observe, websocket  # noqa: F401, PLC0415 - that is the point
    from pytest_rtmedload.clients.native import prepare  # noqa: PLC0415 - as above

    prepare()
