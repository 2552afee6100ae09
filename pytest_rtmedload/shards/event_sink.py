"""Receives events from the coordinator to be written as they occur; this base class writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.results.model import TestResult
    from pytest_rtmedload.results.samples import SampleRows


class EventSink:
    """Ignores all events; subclasses override those they need."""

    def began(self, nodeid: str) -> None:
        """The start line of a test was drawn."""

    def sampled(self, nodeid: str, rows: Sequence[SampleRows]) -> None:
        """A shard shipped its samples one by one: with `--load-samples`."""

    def discarded(self, nodeid: str) -> None:
        """A test starts over or is run again: discard what it has shipped so far."""

    def judged(self, result: TestResult) -> None:
        """A test has its verdict."""

    def told(self, line: str) -> None:
        """An operation ended: with `--load-debug`."""
