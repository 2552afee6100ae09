"""Measured clients, with which a test body talks to the agent."""

from __future__ import annotations

import importlib


def warm_up() -> None:
    """Import the clients and set them up, some 100 ms once per process: in a running test that would be lag."""
    from pytest_rtmedload.clients.http.native import prepare  # noqa: PLC0415 - imported here on purpose

    for client in ("http.client", "observe.observer", "websocket.client"):
        importlib.import_module(f"{__name__}.{client}")
    prepare()
