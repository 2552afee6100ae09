"""How pytest ended each load test of a run, and the run itself: the record that every report reads.

A verdict says what was measured; an outcome says what pytest reported. Both are needed: a fixture may fail after
a good measurement, and a test that is expected to fail does not fail the run.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class PytestOutcome(StrEnum):
    """How a load test ended, in pytest's words."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    """A fixture failed, in set-up or tear-down."""
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    INTERRUPTED = "interrupted"
    """It had begun when the run was stopped."""
    NOT_RUN = "not_run"
    """The run was stopped before it began."""
    DESELECTED = "deselected"
    """This plugin skipped it: load tests were not requested, or the suite leaves it out."""


CAUGHT = "the test caught this failure and passed"
"""Among the reasons of a result whose failure the test function caught."""
FAILING = frozenset({PytestOutcome.FAILED, PytestOutcome.ERROR})


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """How pytest ended one load test; each test stands in the record once, however often it was measured."""

    __test__ = False  # not a class for pytest to collect

    nodeid: str
    outcome: PytestOutcome
    phase: str = ""
    """`setup`, `call` or `teardown`: where it failed or was skipped; empty where that does not apply."""
    reason: str = ""
    """Why it did not pass, one line."""
    counted: str = ""
    """The count of `summary` that includes this test: `passed`, `failed`, `inconclusive`, `invalid`, `skipped`,
    `xfailed`, `xpassed`, `not_run` or `deselected`."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How the pytest run ended."""

    exit_status: int | None = None
    """Pytest's, before the criteria of the run were considered; None where it is not known."""
    stopped: str = ""
    """Why pytest stopped before its last test; empty when it did not."""
    other_failures: tuple[str, ...] = ()
    """What else failed in this pytest run: ordinary tests, and modules that could not be collected."""


def counted(outcomes: Iterable[TestOutcome]) -> Counter[str]:
    """How many tests are included in each count of the summary."""
    return Counter(outcome.counted for outcome in outcomes)
