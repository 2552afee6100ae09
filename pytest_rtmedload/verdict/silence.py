"""A body that awaited nothing and measured nothing, as one whose `await` was forgotten, has shown nothing.

The rule: its iterations take microseconds, and any limit on them would be met. A limit on `iteration` that such a test
meets is a FAIL; where there is none, a note says it. A body that did work of its own, by the time it took, is fine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.model import Kind, Verdict
from pytest_rtmedload.results.names import ITERATION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_rtmedload.results.model import TargetResult
    from pytest_rtmedload.verdict.samples import Measured

SILENT: Final = "the body awaited nothing and measured no operation: is an await missing?"
LONGEST_US: Final = 100
"""A body whose median is above this has done something: a forgotten `await` costs 10 µs, with its warning 50."""


def is_silent(measured: Measured) -> bool:
    """Whether nothing was shown."""
    recorded = measured.recording.values or measured.recording.metrics() != [ITERATION]  # in whatever phase
    if not measured.plan.awaited_nothing or recorded:
        return False
    median = measured.samples(ITERATION).percentile("p50")
    return median is not None and median <= LONGEST_US


def silence_reasons(measured: Measured, judged: Iterable[tuple[str, TargetResult]]) -> list[str]:
    """Why a test fails whose limits on iterations are met by a body that did nothing."""
    met = any(
        metric == ITERATION and found.kind in (Kind.LATENCY, Kind.MAXIMUM) and found.verdict is not Verdict.FAIL
        for metric, found in judged
        if found.n
    )
    return [SILENT] if met and is_silent(measured) else []
