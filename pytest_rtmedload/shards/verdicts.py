"""What became of the load tests of a run: each is judged when its last shard has shipped, or nothing more comes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_rtmedload.agents import AgentProvider, AgentUnavailable
from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.targets import override
from pytest_rtmedload.verdict.judge import judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.config import LoadConfig
    from pytest_rtmedload.results.model import TestResult
    from pytest_rtmedload.shards.progress import Progress


class Verdicts:
    """Judges load tests and keeps the results, in the order in which the tests ended.

    Args:
        config: the options.
        agents: knows whether the agent is still there.
        present: what a worker is told of a result, as keyword arguments of `Judged`.
    """

    def __init__(
        self, config: LoadConfig, agents: AgentProvider, present: Callable[[TestResult], dict[str, Any]]
    ) -> None:
        self._config = config
        self._agents = agents
        self.present = present
        self.results: list[TestResult] = []

    def judge(self, test: Progress) -> TestResult:
        """The result of a test by what its shards have shipped."""
        targets = override(test.spec.targets, self._config.targets, test.recording.measured_metrics())
        result = judge(test.plan(targets, self._fatal(test)), test.recording)
        if test.spec.after is not None:
            self._supersede(result.nodeid)
        self.results.append(result)
        return result

    def last_of(self, nodeid: str) -> dict[str, Any] | None:
        """The last result of a pytest item as it is told to workers; None when it came to none."""
        mine = [result for result in self.results if f"{result.nodeid}#".startswith(f"{nodeid}#")]
        return self.present(mine[-1]) if mine else None

    def _supersede(self, nodeid: str) -> None:
        """The first run of a test that was made twice is shown, and counts for nothing."""
        self.results = [
            replace(result, superseded=True, failed_test=False) if result.nodeid == nodeid else result
            for result in self.results
        ]

    def _fatal(self, test: Progress) -> str | None:
        """What is wrong with the test itself, whatever it measured."""
        if not any(key.outcome == Outcome.OK for key in test.recording.series):
            self._agents.doubt()
        try:
            self._agents.known()
        except AgentUnavailable as error:
            return str(error)
        if test.failed_users:
            users = len(test.failed_users)
            return f"{users} of {test.spec.users} users failed in their fixtures: {test.failed_users[0]}"
        return None
