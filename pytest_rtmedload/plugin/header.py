"""The line that announces the load tests and their estimated time before anything runs.

The time is what the load profiles plan: ramp, warm-up and measured time. Tests whose length cannot be known are counted
separately: those that end after a number of iterations, capacity searches, `load_run` and custom conductors.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.plugin.options import OPTIONS
from pytest_rtmedload.plugin.selection import chosen_only_by
from pytest_rtmedload.text.formats import count, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

    from pytest_rtmedload.spec.load_config import LoadConfig
    from pytest_rtmedload.spec.load_spec import LoadSpec


HOUR_S: Final = 3600
QUIETEST: Final = -1
"""With `-qq` the line is left out."""


def plan_line(
    config: pytest.Config,
    options: LoadConfig,
    selected: Sequence[tuple[pytest.Item, LoadSpec]],
    *,
    side_by_side: bool = False,
) -> str:
    """The line.

    Args:
        config: pytest's.
        options: the options.
        selected: the load tests that were selected.
        side_by_side: groups run at the same time, each in one process, so the longest group counts.
    """
    if config.get_verbosity() < QUIETEST:
        return ""
    explicit = {item for item, _ in selected if "load_run" in getattr(item, "fixturenames", ())}
    length = how_long([None if item in explicit else spec for item, spec in selected], side_by_side=side_by_side)
    shards = "groups side by side" if side_by_side else count(len(config.getoption("tx", None) or "1"), "shard")
    return f"{count(len(selected), 'load test')}, {length}: {_run(options)}, {shards}"


class Head:
    """The line in the head of a run that pytest-xdist distributes, where only the workers collect.

    Args:
        config: pytest's.
        options: gives the options; called if load tests were asked for.
    """

    def __init__(self, config: pytest.Config, options: Callable[[], LoadConfig]) -> None:
        self._config = config
        self._options = options

    def pytest_report_header(self) -> str:
        """Suite, agent, seed and processes."""
        by_marker = chosen_only_by("load", self._config.getoption("markexpr", "") or "", set())
        if not by_marker and not self._sized():
            return ""
        return f"load tests: {_run(self._options())}, {count(len(self._config.getoption('tx')), 'shard')}"

    def _sized(self) -> bool:
        stated = any(self._config.getoption(option.dest, None) for option in OPTIONS)
        return stated and self._options().sized_by_command_line


def _run(options: LoadConfig) -> str:
    from pytest_rtmedload.agent_provider import without_secrets  # noqa: PLC0415 - only where there are load tests

    agent = "embedded agent" if options.host is None else f"agent {without_secrets(options.host)}"
    return f"suite {options.suite.name}, {agent}, seed {options.seed}"


def how_long(planned: Sequence[LoadSpec | None], *, side_by_side: bool = False) -> str:
    """Estimated time of all load tests together; None stands for one of unknown length."""
    known = _seconds_of_groups(planned)
    open_ended = sum(spec is None or spec.estimated_s is None for spec in planned)
    if not known:
        return "of unknown length"
    total = max(known.values()) if side_by_side else sum(known.values())
    further = f" and {open_ended} of unknown length" if open_ended else ""
    return f"about {_long(max(1, round(total)))}{further}"


def _long(total_s: int) -> str:
    """A duration, from one hour on in hours and minutes."""
    hours, minutes = divmod(round(total_s / 60), 60)
    return seconds(total_s) if total_s < HOUR_S else f"{hours} h" + (f" {minutes} min" if minutes else "")


def _seconds_of_groups(planned: Sequence[LoadSpec | None]) -> dict[str, float]:
    """Group → estimated seconds of its tests of known length."""
    found: dict[str, float] = defaultdict(float)
    for spec in planned:
        if spec is not None and spec.estimated_s is not None:
            found[spec.group] += spec.estimated_s
    return dict(found)
