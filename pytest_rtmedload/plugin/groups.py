"""`--parallel`: the groups of load tests at the same time, each in a worker process of pytest-xdist.

The number of groups is known only after collection, but pytest-xdist needs the number of workers before: it gets the
maximum, and the controller, which collects first, starts only as many workers as there are groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

import pytest

MOST_WORKERS: Final = 8
"""More groups than this share workers: processes beyond the cores of a machine only wait for each other."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The outcome of `--parallel`."""

    side_by_side: bool
    """False where something rules it out."""
    note: str
    """One line for the head of pytest's output."""


def arrange(config: pytest.Config, *, debug: bool) -> Arrangement:
    """Make pytest-xdist start workers, unless something rules it out.

    Args:
        config: pytest's, before pytest-xdist has read how many workers to start.
        debug: tests run once, to be watched step by step.

    Raises:
        pytest.UsageError: pytest-xdist is missing, or is configured to use its workers in another way.
    """
    why_not = _debugging(debug=debug) or _without_xdist(config) or _told_otherwise(config)
    if why_not is not None:
        return Arrangement(side_by_side=False, note=f"load tests: not --parallel, as {why_not}")
    config.option.numprocesses = MOST_WORKERS
    return Arrangement(side_by_side=True, note="load tests: --parallel, each group in a process of its own")


def _debugging(*, debug: bool) -> str | None:
    return "--load-debug and --pdb show one test after the other" if debug else None


def _without_xdist(config: pytest.Config) -> str | None:
    """pytest-xdist must be there; who has switched it off has decided."""
    if hasattr(config.option, "numprocesses"):
        return None
    if config.pluginmanager.is_blocked("xdist"):
        return "-p no:xdist switches its processes off: one test after the other"
    if find_spec("xdist") is not None:
        raise pytest.UsageError("--parallel needs pytest-xdist, which is installed but not loaded: add -p xdist")
    raise pytest.UsageError("--parallel needs pytest-xdist: pip install 'pytest-rtmedload[xdist]', or leave it out")


def _told_otherwise(config: pytest.Config) -> str | None:
    """Explicitly requested workers share each test, which rules out one group per worker."""
    if config.option.numprocesses == 0:
        return "-n0 allows no further processes: one test after the other"
    if not config.option.numprocesses and not config.option.tx:
        return None
    if config.getoption("load_parallel", None):
        raise pytest.UsageError(
            "--parallel and -n (or --tx) exclude one another: "
            "-n shares each load test among its processes, --parallel gives each group one; leave one of them out"
        )
    return "-n (or --tx) shares each load test among its processes, one test after the other"
