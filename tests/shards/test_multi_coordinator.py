"""Several tests at once: each has its own start line and verdict; agent, stopping and waiting are everybody's."""

from __future__ import annotations

import functools
import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_rtmedload.agent_provider import AgentProvider
from pytest_rtmedload.dialects import RTMEDAGENT
from pytest_rtmedload.results.model import TestResult, Verdict
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.shards import messages
from pytest_rtmedload.shards.coordinator import Coordinator
from pytest_rtmedload.shards.multi_coordinator import MultiCoordinator, with_neighbours
from tests.shards.shard_fakes import SPEC, Agents, Clock, Shard, Watcher

API = replace(SPEC, nodeid="api/test_it.py::test_load")
WS = replace(SPEC, nodeid="ws/test_it.py::test_load", group="ws")


class Pair:
    """Two workers, each under a coordinator of its own."""

    def __init__(self, agents: Agents | None = None) -> None:
        self.clock = Clock()
        config: Any = SimpleNamespace(seed=7, targets=())
        present = lambda result: messages.Judged(result.failed_test, "", [], {})  # noqa: E731
        self.both = MultiCoordinator(
            functools.partial(Coordinator, config, agents or Agents(), present, Watcher(), self.clock, began=0.0)  # type: ignore[arg-type]
        )
        self.api, self.ws = self.joins("gw0"), self.joins("gw1")

    def joins(self, name: str) -> Shard:
        shard = Shard(name)
        self.both.connect(shard, name, remote=True)
        return shard

    def results(self) -> dict[str, TestResult]:
        return {result.nodeid: result for result in self.both.results}


def test_each_test_is_one_shard_and_has_its_own_verdict() -> None:
    pair = Pair()
    pair.api.arrives(API)
    pair.api.tells(messages.Ready)
    pair.clock.now = 1.0
    pair.ws.arrives(WS)
    pair.ws.tells(messages.Ready)
    pair.ws.ships([10] * 7)
    pair.api.ends([10] * 5)
    pair.ws.ends([10] * 2)
    api, ws = pair.results()[API.nodeid], pair.results()[WS.nodeid]
    assert (api.shards, api.iterations, api.started_s) == (1, 5, 0.0)
    assert (ws.shards, ws.metrics[ITERATION].count, ws.started_s) == (1, 9, 1.0)
    assert (api.generator.shards, ws.generator.shards) == ([], [])
    assert pair.api.last(messages.Assign).shards == pair.ws.last(messages.Assign).shards == 1


def test_a_result_names_what_ran_beside_it() -> None:
    pair = Pair()
    for shard, spec in ((pair.api, API), (pair.ws, WS)):
        shard.arrives(spec)
        shard.tells(messages.Ready)
    pair.api.ends([10])
    pair.api.says(messages.Ended(reports=[]))
    pair.both.reported(API.nodeid)
    pair.clock.now = 1.5  # of the two seconds that both take
    following = replace(API, nodeid="api/test_it.py::test_next")
    pair.api.arrives(following)
    pair.api.tells(messages.Ready)
    pair.api.ends([10])
    pair.ws.ends([10])
    beside = {nodeid: result.beside for nodeid, result in pair.results().items()}
    assert beside[WS.nodeid] == [API.nodeid, following.nodeid]
    assert beside[API.nodeid] == [WS.nodeid, following.nodeid]  # by the clock of this test it has not ended yet
    assert beside[following.nodeid] == [API.nodeid, WS.nodeid]


def test_what_only_touches_or_never_ran_is_no_neighbour() -> None:
    pair = Pair()
    pair.api.arrives(API)
    pair.api.tells(messages.Ready)
    pair.api.ends([10])
    (result,) = pair.both.results
    end = max(end for _, end in result.phases.values())
    after = replace(result, nodeid="after", started_s=result.started_s + end)
    during = replace(result, nodeid="never began", phases={})
    assert [each.beside for each in with_neighbours([result, after, during])] == [[], [], []]


def test_load_tests_wait_until_no_ordinary_test_runs() -> None:
    pair = Pair()
    busy = [True]
    pair.both.holding = lambda: busy[0]
    pair.api.arrives(API)
    assert pair.api.kinds() == []
    busy.clear()
    busy.append(False)
    pair.both.reconsider()
    assert pair.api.kinds() == [messages.Assign]


def test_no_further_test_begins_in_any_group_once_the_run_is_to_stop() -> None:
    pair = Pair()
    pair.api.arrives(API)
    pair.both.stopping = lambda: "stopping after 1 failures"
    pair.ws.arrives(WS)
    assert pair.ws.last(messages.Refuse).stop is True
    pair.api.tells(messages.Ready)
    pair.api.ends([10] * 5)
    assert pair.results()[API.nodeid].complete is True  # what ran goes on to its end


def test_a_lost_worker_costs_its_own_test() -> None:
    pair = Pair()
    for shard, spec in ((pair.api, API), (pair.ws, WS)):
        shard.arrives(spec)
        shard.tells(messages.Ready)
        shard.ships([10] * 3)
    pair.api.says(messages.Gone())
    assert "stop" not in pair.ws.kinds()
    pair.ws.ends([10])
    assert pair.results()[API.nodeid].verdict is Verdict.INVALID
    assert pair.results()[WS.nodeid].verdict is not Verdict.INVALID
    third = pair.joins("gw2")
    third.arrives(replace(API, nodeid="api/test_it.py::test_next"))
    assert third.last(messages.Assign).shards == 1


def test_the_end_of_the_run_stops_all_tests_and_keeps_what_they_measured() -> None:
    pair = Pair()
    for shard, spec in ((pair.api, API), (pair.ws, WS)):
        shard.arrives(spec)
        shard.tells(messages.Ready)
        shard.ships([10] * 3)
    ending = threading.Thread(target=pair.both.finish)
    ending.start()
    for shard in (pair.api, pair.ws):
        shard.hears(messages.Stop)
        shard.ends([10], interrupted="interrupted before its end")
    ending.join(10)
    assert not ending.is_alive()
    assert [(result.complete, result.iterations) for result in pair.both.results] == [(False, 4), (False, 4)]


def test_a_dead_agent_is_one_error_for_all_groups() -> None:
    pair = Pair(Agents(trouble="it does not answer"))
    pair.api.arrives(API)
    pair.ws.arrives(WS)
    refused = [shard.last(messages.Refuse) for shard in (pair.api, pair.ws)]
    assert [refusal.skip for refusal in refused] == [False, True]
    assert refused[1].reason == "skipped, as no load test can run: it does not answer"


def test_the_agent_is_looked_for_once_however_many_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, go_on = [], threading.Event()

    def ask(url: str, _path: str, **_: object) -> None:
        asked.append(url)
        assert go_on.wait(10)

    monkeypatch.setattr("pytest_rtmedload.agent_provider.ask", ask)
    settings = {"dialect": "rtmedagent", "wire": RTMEDAGENT, "verify": True, "addresses": {}}
    config: Any = SimpleNamespace(host="http://agent.example", **settings)
    agents = AgentProvider(config)
    threads = [threading.Thread(target=agents.known) for _ in range(4)]
    for thread in threads:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert asked == ["http://agent.example"]
