"""The results of a run's load tests: each is judged when its last shard has shipped or nothing more can arrive."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_rtmedload.agent_provider import AgentProvider, AgentUnavailable
from pytest_rtmedload.results.folding import fold_names
from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.plan import Stage
from pytest_rtmedload.results.recording import Outcome, Phase
from pytest_rtmedload.schedule.conductors import Standing
from pytest_rtmedload.spec.target_syntax import named_metrics, override
from pytest_rtmedload.verdict.judge import judge
from pytest_rtmedload.verdict.stages import judge_stage, leans_well

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.results.model import TestResult
    from pytest_rtmedload.results.plan import Target
    from pytest_rtmedload.shards.messages import Judged
    from pytest_rtmedload.shards.progress import TestProgress
    from pytest_rtmedload.spec.load_config import LoadConfig


@dataclass(frozen=True, slots=True)
class Now:
    """A test under way, as its conductor sees it: a `Moment`."""

    elapsed: float
    users: int
    test: TestProgress
    targets: tuple[Target, ...]

    def standing(self, begin: float, end: float) -> Standing:
        """How the targets stood between these seconds, by what has been shipped so far."""
        health = self.test.stage_healths.get(begin)
        stage = Stage("", self.users, begin, end, health)
        found = judge_stage(self.test.plan(self.targets, None), self.test.recording, stage, metrics=False)
        decided = found.verdict in (Verdict.PASS, Verdict.FAIL)
        return Standing(leans_well(found), decided, spoiled=found.verdict is Verdict.INVALID)


class Verdicts:
    """Judges load tests and keeps the results, in the order in which the tests ended.

    Args:
        config: the options.
        agents: knows whether the agent is still there.
        present: converts a result to what a worker receives.
    """

    def __init__(self, config: LoadConfig, agents: AgentProvider, present: Callable[[TestResult], Judged]) -> None:
        self._config = config
        self._agents = agents
        self.present = present
        self.results: list[TestResult] = []

    def judge(self, test: TestProgress) -> TestResult:
        """The result of a test by what its shards have shipped."""
        folded = fold_names(test.recording, named_metrics(test.spec.targets, self._config.targets) | {test.spec.metric})
        if folded is not None:
            test.notes[folded] = None
        targets = override(test.spec.targets, self._config.targets, test.recording.measured_metrics())
        result = judge(test.plan(targets, self._fatal(test)), test.recording)
        if test.spec.after is not None:
            self._supersede(result.nodeid)
        self.results.append(result)
        return result

    def moment(self, test: TestProgress) -> Now:
        """The present state of a test, for its conductor."""
        elapsed = min((shard.elapsed for shard in test.shards.values() if not shard.over), default=test.elapsed)
        targets = override(test.spec.targets, self._config.targets, test.recording.measured_metrics())
        return Now(elapsed, test.users, test, targets)

    def last_of(self, nodeid: str) -> Judged | None:
        """The last result of a pytest item as it is sent to workers; None if it has no result."""
        mine = [result for result in self.results if f"{result.nodeid}#".startswith(f"{nodeid}#")]
        return self.present(mine[-1]) if mine else None

    def _supersede(self, nodeid: str) -> None:
        """The first run of a repeated test is shown, but not counted."""
        self.results = [
            replace(result, superseded=True, failed_test=False) if result.nodeid == nodeid else result
            for result in self.results
        ]

    def _fatal(self, test: TestProgress) -> str | None:
        """What is wrong with the test itself, whatever it measured."""
        if not any(key.outcome == Outcome.OK for key in test.recording.series):
            self._agents.doubt()
        try:
            self._agents.known()
        except AgentUnavailable as error:
            return str(error)
        if test.failed_users and not any(phase == Phase.SETUP for _, phase in test.recording.health.own_errors):
            users = len(test.failed_users)
            return f"{users} of {test.spec.most_users} users failed in their fixtures: {test.failed_users[0]}"
        return None
