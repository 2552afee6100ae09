"""Watching a load test while it runs: shipments of samples become the state a live line shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_rtmedload.report.live import LiveLine, Progress
from pytest_rtmedload.results.histogram import Histogram
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.recording import Outcome

if TYPE_CHECKING:
    from pytest_rtmedload.results.recording import Recording
    from pytest_rtmedload.workload.spec import LoadSpec


@dataclass(slots=True)
class _Seen:
    """Sums over all shipments of one test."""

    iterations: int = 0
    failed: int = 0
    elapsed: float = 0.0
    latency: Histogram = field(default_factory=Histogram)


class Watch:
    """The coordinator's observer behind the live line."""

    def __init__(self, line: LiveLine) -> None:
        self._line = line
        self._seconds: float | None = None
        self._seen = _Seen()

    def started(self, spec: LoadSpec, seconds: float | None) -> None:
        """The start line of a test was drawn."""
        self._seconds = seconds
        self._seen = _Seen()
        self._line.start(spec.nodeid, seconds)

    def progressed(self, spec: LoadSpec, phase: str, elapsed: float, users: int, delta: Recording) -> None:
        """A shard shipped its samples."""
        seen = self._seen
        new = 0
        for key, cells in delta.series.items():
            count = sum(histogram.count for histogram in cells.values())
            if key.metric == ITERATION:
                new += count
                seen.failed += count if key.outcome != Outcome.OK else 0
            if key.metric == spec.metric and key.outcome == Outcome.OK:
                seen.latency.merge(Histogram.merged(cells.values()))
        since = elapsed - seen.elapsed
        seen.iterations += new
        seen.elapsed = elapsed
        p95 = seen.latency.percentile(0.95)
        lag = delta.health.lag.percentile(0.99)
        self._line.update(
            Progress(
                phase=phase,
                elapsed_s=elapsed,
                total_s=self._seconds,
                users=users,
                iterations=seen.iterations,
                rate=new / since if since > 0 else None,
                failed_share=seen.failed / seen.iterations if seen.iterations else None,
                p95_ms=None if p95 is None else p95 / 1000,
                lag_p99_ms=None if lag is None else lag / 1000,
            )
        )

    def finished(self) -> None:
        """The test is over."""
        self._line.finish()
