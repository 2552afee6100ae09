"""In the controller of pytest-xdist, with `--parallel`: as many workers as there are groups of load tests.

The controller collects before it starts workers, as only it knows the groups. Workers collect again, as always
with pytest-xdist, and report what they find; so the controller's warnings would appear twice. What cannot be
collected ends the run here, before a worker runs anything, as it ends a run without workers.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rtmedload.xdist.group_assignment import GroupAssignment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class GroupsPlugin:
    """Hooks of the controller that runs groups side by side.

    Args:
        groups: node id of each load test that was selected → its group; called when the controller has collected.
    """

    def __init__(self, groups: Callable[[], Mapping[str, str]]) -> None:
        self._groups = groups
        self._session: pytest.Session | None = None
        self._broken: str | None = None
        self.assignment: GroupAssignment | None = None
        """Which worker drives which groups; None until the controller has collected."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Know the session: it collects."""
        self._session = session

    @pytest.hookimpl(tryfirst=True)
    def pytest_xdist_setupnodes(self, config: pytest.Config, specs: list[Any]) -> None:
        """Collect, and start a worker for each group; one where there is none."""
        if self._session is None:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._session.perform_collect()
        self._broken = _broken(self._session)
        self.assignment = GroupAssignment(self._groups())
        workers = max(1, min(len(specs), len(self.assignment.sizes)))  # pytest-xdist needs at least one
        del specs[workers:]
        config.option.tx = config.option.tx[:workers]
        config.option.numprocesses = workers

    def pytest_report_collectionfinish(self) -> str:
        """Print which groups will run side by side."""
        sizes = GroupAssignment(self._groups()).sizes
        tests = ", ".join(f"{group} ({count})" for group, count in sizes.items())
        return f"load tests side by side: {tests}" if len(sizes) > 1 else ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """End the run if something could not be collected."""
        if self._broken is not None:
            raise session.Interrupted(self._broken)


def _broken(session: pytest.Session) -> str | None:
    """Pytest's message about collection errors, if they end the run."""
    errors = session.testsfailed
    if not errors or session.config.option.continue_on_collection_errors:
        return None
    return f"{errors} error{'s' if errors != 1 else ''} during collection"
