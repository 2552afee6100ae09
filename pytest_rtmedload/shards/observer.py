"""The interface for watching load tests while they run, such as a live view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pytest_rtmedload.results.recording import Recording
    from pytest_rtmedload.spec.load_spec import LoadSpec


class Observer(Protocol):
    """Watches load tests while they run."""

    def started(self, spec: LoadSpec, seconds: float | None) -> None:
        """The start line of a test was drawn; it will take `seconds`, None when that is not known."""

    def progressed(self, spec: LoadSpec, phase: str, elapsed: float, users: int, delta: Recording) -> None:
        """All shards shipped what they recorded since their last shipment."""

    def finished(self, spec: LoadSpec) -> None:
        """This test is over."""
