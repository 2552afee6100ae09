"""Calls: a caller who speaks in real time, and hears on the clock of a loudspeaker.

The rule: what is measured is what a person on the phone would notice. The parts that decide are pure (`call`,
`playback`, `onset`, `quality`, `messages`): they get events with their times, and use no clock, socket or event loop.
"""

from __future__ import annotations


def warm_up() -> None:
    """Import what calls need, some 150 ms once per process: in a running test that would be lag."""
    from pytest_rtmedload.voice import place_call  # noqa: F401, PLC0415 - that is the point
