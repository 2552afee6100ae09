"""The line that says, before anything runs, what the load tests will do and how long that will take.

The time is what the profiles plan: ramp, warm-up and measured time. What nobody can know before is counted and named: a
test that ends after a number of iterations, a capacity search, `load_run`, a conductor of the project's own.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.agent_provider import without_secrets
from pytest_rtmedload.text.formats import count, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from pytest_rtmedload.spec.load_config import LoadConfig
    from pytest_rtmedload.spec.load_spec import LoadSpec


QUIETEST: Final = -1
"""With `-qq` nothing is said about what was collected."""


def plan_line(
    config: pytest.Config,
    options: LoadConfig,
    selected: Sequence[tuple[pytest.Item, LoadSpec]],
    *,
    side_by_side: bool = False,
) -> str:
    """What is about to run.

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
    agent = "embedded agent" if options.host is None else f"agent {without_secrets(options.host)}"
    shards = "groups side by side" if side_by_side else count(len(config.getoption("tx", None) or "1"), "shard")
    run = f"suite {options.suite.name}, {agent}, seed {options.seed}, {shards}"
    return f"{count(len(selected), 'load test')}, {length}: {run}"


def how_long(planned: Sequence[LoadSpec | None], *, side_by_side: bool = False) -> str:
    """How long load tests take together; None stands for one that decides when it runs."""
    known = _seconds_of_groups(planned)
    open_ended = sum(spec is None or spec.estimated_s is None for spec in planned)
    if not known:
        return "for a time that is not known before"
    total = max(known.values()) if side_by_side else sum(known.values())
    further = f" and {open_ended} of unknown length" if open_ended else ""
    return f"about {seconds(max(1, round(total)))}{further}"


def _seconds_of_groups(planned: Sequence[LoadSpec | None]) -> dict[str, float]:
    """Group → seconds of those of its tests whose length is known."""
    found: dict[str, float] = defaultdict(float)
    for spec in planned:
        if spec is not None and spec.estimated_s is not None:
            found[spec.group] += spec.estimated_s
    return dict(found)
