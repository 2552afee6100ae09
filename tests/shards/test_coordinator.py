"""The coordinator: one start line for all, nothing lost in merging, one verdict, and an end to every wait."""

from __future__ import annotations

import pickle
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import pytest

from pytest_rtmedload.measure.processes import Family
from pytest_rtmedload.results.histogram import Histogram
from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.samples import SampleRows
from pytest_rtmedload.shards import messages
from pytest_rtmedload.shards.event_sink import EventSink
from pytest_rtmedload.shards.start_line import REPLACEMENT_S, START_S
from pytest_rtmedload.spec.shapes import Shape
from tests.shards.shard_fakes import SPEC, Agents, Stage, recording


def test_all_shards_get_their_share_and_the_same_start_line() -> None:
    stage = Stage(3)
    for shard in stage.shards[:2]:
        shard.arrives()
    assert stage.shards[0].kinds() == []  # the third is still on its way
    stage.shards[2].arrives()
    assigned = [shard.last(messages.Assign) for shard in stage.shards]
    assert [(a.shard, a.shards, a.seed) for a in assigned] == [(0, 3, 7), (1, 3, 7), (2, 3, 7)]
    for shard in stage.shards:
        assert messages.Go not in shard.kinds()
        shard.tells(messages.Ready)
    assert len({shard.last(messages.Go).at_ns for shard in stage.shards}) == 1


def test_merged_percentiles_are_those_of_one_process() -> None:
    source = random.Random(3)
    samples = [round(source.lognormvariate(10, 1)) for _ in range(3000)]
    stage = Stage(3)
    stage.begin()
    for number, shard in enumerate(stage.shards):
        mine = samples[number::3]
        shard.ships(mine[:500])
        shard.ships(mine[500:700])
        shard.ends(mine[700:])
    one = Histogram()
    for sample in samples:
        one.record(sample)
    merged = Histogram.decode(stage.results[-1].metrics[ITERATION].histogram)
    assert merged.counts == one.counts
    assert [part.iterations for part in stage.results[-1].generator.shards] == [1000, 1000, 1000]
    assert {shard.kinds()[-1] for shard in stage.shards} == {messages.Judged}


def test_the_coordinator_knows_what_to_do_about_every_message() -> None:
    handled = set(Stage(0).coordinator._handlers)
    assert handled == set(get_args(messages.ToCoordinator))


def test_every_message_can_travel_between_processes() -> None:
    sent = [
        messages.Arrive(replace(SPEC, shape=Shape("arrivals"), rate=10.0)),
        messages.Done(1, recording([10]), 2.0, None, failed_users=["one"], rows=(), by_test=True),
        messages.Assign(1, 0, 2, alone=False, seed=7, lag_limit_ns=15_000_000, url=None, family=Family(1, None)),
        messages.Go(None, {}, []),
        messages.Judged(failed=False, text="", properties=[("load.verdict", "PASS")], result={}),
        messages.Gone(),
    ]
    arrived = pickle.loads(pickle.dumps(sent))  # noqa: S301 - our own
    assert [type(message) for message in arrived] == [type(message) for message in sent]
    assert (arrived[0], arrived[2:]) == (sent[0], sent[2:])
    assert arrived[1].recording.histogram(ITERATION).count == 1


def test_the_live_view_sees_all_shards_at_once() -> None:
    stage = Stage(2)
    stage.begin()
    one, other = stage.shards
    one.ships([10] * 5)
    assert stage.watcher.seen == []
    other.ships([10] * 7)
    assert stage.watcher.seen == [(1.0, 4, 12)]
    one.ships([10] * 2, elapsed=2.0)
    one.ships([10] * 2, elapsed=3.0)  # the other lags behind: the view does not
    assert stage.watcher.seen[-1] == (3.0, 4, 4)
    one.ends()
    other.ends()
    assert stage.watcher.running == 0


def test_a_lost_shard_stops_the_others_and_what_it_shipped_is_kept() -> None:
    stage = Stage(2)
    stage.begin()
    one, other = stage.shards
    one.ships([10] * 50)
    other.ships([10] * 60)
    other.says(messages.Gone())
    assert one.kinds()[-1] == messages.Stop
    one.ends([10] * 5, elapsed=1.5, interrupted="stopped")
    result = stage.results[-1]
    assert (result.verdict, result.complete, result.iterations) == (Verdict.INVALID, False, 115)
    assert result.reasons[0] == "1 of 2 shards lost (gw1 ended unexpectedly): the numbers are partial"
    assert [shard.lost for shard in result.generator.shards] == [None, "gw1 ended unexpectedly"]


def test_all_shards_lost_leave_a_verdict() -> None:
    stage = Stage(2)
    stage.begin()
    for shard in stage.shards:
        shard.ships([10] * 10)
        shard.says(messages.Gone())
    _, lost, verdict = stage.coordinator.outcome(SPEC.nodeid)
    assert (len(lost), verdict is not None and verdict.failed) == (2, True)


def test_the_next_test_waits_for_the_replacement_and_for_the_report() -> None:
    stage = Stage(2)
    stage.begin()
    one, other = stage.shards
    other.says(messages.Gone())
    one.ends(interrupted="stopped")
    one.says(messages.Ended(reports=[]))
    following = replace(SPEC, nodeid="test_it.py::test_next")
    one.arrives(following)
    assert one.kinds()[-1] == messages.Judged
    third = stage.joins()
    assert not stage.coordinator.decided(following.nodeid)
    third.arrives(following)
    assert third.kinds() == []  # the first test has not been reported: it may end the run
    stage.coordinator.reported(SPEC.nodeid)
    assert (one.last(messages.Assign).shard, third.last(messages.Assign).shard) == (0, 1)


def test_without_a_replacement_the_others_take_all_users() -> None:
    stage = Stage(2)
    one, other = stage.shards
    other.says(messages.Gone())
    one.arrives()
    assert one.kinds() == []
    stage.clock.now += REPLACEMENT_S + 0.1
    one.says(messages.Waiting())
    assert one.last(messages.Assign).shards == 1


def test_more_shards_than_users() -> None:
    stage = Stage(3)
    stage.begin(replace(SPEC, users=2))
    assert [shard.last(messages.Assign).shards for shard in stage.shards] == [2, 2, 2]
    for shard in stage.shards:
        shard.ends([10])
    assert "1 of 3 shards had nothing to do: the test has 2 users" in stage.results[-1].notes


def test_an_in_flight_limit_is_never_exceeded_by_sharing_it() -> None:
    stage = Stage(3)
    stage.begin(replace(SPEC, shape=Shape("arrivals"), rate=10.0, max_in_flight=1))
    assert [shard.last(messages.Assign).shards for shard in stage.shards] == [1, 1, 1]


def test_who_ends_before_the_start_line_ends_it_for_all() -> None:
    stage = Stage(2)
    one, other = stage.shards
    one.arrives()
    other.says(messages.Begins(nodeid=SPEC.nodeid))
    other.says(messages.Ended(reports=["its setup failed"]))
    refusal = one.last(messages.Refuse)
    assert (refusal.reason, refusal.skip) == ("gw1 ended this test before its start line", True)


def test_who_dies_before_the_start_line_fails_it_for_all() -> None:
    stage = Stage(2)
    one, other = stage.shards
    one.arrives()
    other.says(messages.Begins(nodeid=SPEC.nodeid))
    other.says(messages.Gone())
    stage.clock.now += REPLACEMENT_S + 0.1
    one.says(messages.Waiting())
    refusal = one.last(messages.Refuse)
    assert (refusal.reason, refusal.skip) == ("gw1 ended unexpectedly", False)


def test_who_dies_while_its_users_enter_their_fixtures_fails_it_for_all() -> None:
    stage = Stage(2)
    one, other = stage.shards
    one.arrives()
    other.arrives()
    one.tells(messages.Ready)
    other.says(messages.Gone())
    assert one.last(messages.Refuse).reason == "gw1 ended unexpectedly before the start line"


def test_a_shard_that_hangs_in_its_fixtures_is_given_up() -> None:
    stage = Stage(2)
    one, other = stage.shards
    other.says(messages.Begins(nodeid=SPEC.nodeid))
    one.arrives()
    stage.clock.now += START_S - 1
    one.says(messages.Waiting())
    assert not other.hung_up
    stage.clock.now += 2
    one.says(messages.Waiting())
    stage.clock.now += REPLACEMENT_S + 0.1
    one.says(messages.Waiting())
    assert other.hung_up
    assert one.last(messages.Refuse).reason.startswith("gw1 did not reach the start line within 60 s of the others")


def test_ordinary_tests_may_take_as_long_as_they_like() -> None:
    stage = Stage(2)
    one, other = stage.shards
    one.arrives()
    stage.clock.now += 10 * START_S
    one.says(messages.Waiting())
    assert (one.kinds()[-1], other.hung_up) == (messages.Patience, False)
    other.arrives()
    assert one.kinds()[-1] == messages.Assign


def test_a_shard_that_falls_silent_is_given_up() -> None:
    stage = Stage(2)
    stage.begin()
    one, other = stage.shards
    one.ends([10] * 10)
    stage.clock.now += 61
    one.says(messages.Waiting())
    assert other.hung_up
    assert one.kinds()[-1] == messages.Judged
    assert stage.results[-1].reasons[0].startswith("1 of 2 shards lost (gw1 did not answer for 60 s)")


def test_the_first_relative_url_starts_the_test_over_on_every_shard() -> None:
    stage = Stage(2)
    stage.begin()
    one, other = stage.shards
    stale = other.last(messages.Assign).attempt
    one.tells(messages.NeedAgent)
    assert stage.agents.started == 1
    assert {shard.last(messages.Assign).url for shard in stage.shards} == {"http://127.0.0.1:1"}
    other.says(messages.NeedAgent(attempt=stale))
    other.says(messages.ShippedSamples(stale, recording([10] * 30), 1.0, 0))
    assert stage.agents.started == 1
    for shard in stage.shards:
        shard.tells(messages.Ready)
        shard.ends([10] * 30)
    assert stage.results[-1].iterations == 60


def test_a_body_that_ends_the_test_ends_it_everywhere_and_its_outcome_counts() -> None:
    stage = Stage(2)
    stage.begin()
    one, other = stage.shards
    other.ends(interrupted="Failed: told so", by_test=True)
    assert one.kinds()[-1] == messages.Stop
    one.ends(interrupted="Failed: told so")
    assert (one.last(messages.Refuse).skip, other.kinds()[-1]) == (True, messages.Go)


def test_a_skip_ends_it_everywhere() -> None:
    stage = Stage(2)
    stage.begin()
    one, other = stage.shards
    other.tells(messages.Abandon, reason="not today")
    assert (one.last(messages.Refuse).reason, one.last(messages.Refuse).skip) == ("skipped by gw1: not today", True)
    assert stage.results == []


def test_shards_that_understand_a_test_differently_do_not_begin() -> None:
    stage = Stage(2)
    one, other = stage.shards
    one.arrives()
    other.arrives(replace(SPEC, users=5))
    assert "users is 4 for gw0 and 5 for gw1" in one.last(messages.Refuse).reason


@pytest.mark.parametrize("trouble", [None, "no agent"])
def test_services_are_found_for_a_worker(trouble: str | None) -> None:
    stage = Stage(2, Agents(trouble=trouble))
    stage.shards[1].says(messages.FindAgent(service="llm"))
    answer = stage.shards[1].heard[-1]
    assert answer == (messages.ServiceFound("http://llm", "k", 1) if trouble is None else messages.Refuse(trouble))


def test_a_stopped_run_turns_everybody_away() -> None:
    stage = Stage(2)
    stage.coordinator.stopping = lambda: "stopping after 1 failures"
    stage.shards[0].arrives()
    refusal = stage.shards[0].last(messages.Refuse)
    assert (refusal.reason, refusal.stop) == ("stopping after 1 failures", True)


def test_a_worker_with_another_version_is_named() -> None:
    stage = Stage(1)
    stage.shards[0].says(messages.Hello(version="0.0.9"))
    assert stage.coordinator.misfit is not None
    assert stage.coordinator.misfit.startswith("worker gw0 has pytest-rtmedload 0.0.9, this process has ")


class Diary(EventSink):
    """Notes what it is to write down."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, object]] = []

    def began(self, nodeid: str) -> None:
        self.notes.append(("began", nodeid))

    def sampled(self, nodeid: str, rows: Sequence[SampleRows]) -> None:
        if rows:
            self.notes.append((nodeid, rows))

    def discarded(self, nodeid: str) -> None:
        self.notes.append(("discarded", nodeid))

    def told(self, line: str) -> None:
        self.notes.append(("told", line))


def test_what_shards_ship_one_by_one_is_written_down_as_it_comes() -> None:
    diary = Diary()
    stage = Stage(2, events=diary)
    stage.begin()
    one, other = stage.shards
    one.tells(messages.OperationEnded, line="an operation")
    one.ships([10], rows=["a"])
    other.ends([10], rows=["b"])
    assert diary.notes == [
        ("began", SPEC.nodeid),
        ("told", "an operation"),
        (SPEC.nodeid, ["a"]),
        (SPEC.nodeid, ["b"]),
    ]


def test_what_was_shipped_of_a_test_that_is_made_anew_is_discarded() -> None:
    diary = Diary()
    stage = Stage(1, events=diary)
    stage.begin()
    stage.shards[0].ships([10], rows=["without an agent"])
    stage.shards[0].tells(messages.NeedAgent)
    stage.shards[0].tells(messages.Ready)
    stage.shards[0].ends([10])
    again = replace(SPEC, after="the event loop was blocked")
    stage.shards[0].says(messages.Arrive(spec=again))
    stage.shards[0].tells(messages.Ready)
    assert [note for note in diary.notes if note[0] != SPEC.nodeid] == [
        ("began", SPEC.nodeid),
        ("discarded", SPEC.nodeid),
        ("began", SPEC.nodeid),
        ("discarded", SPEC.nodeid),
        ("began", SPEC.nodeid),
    ]


@pytest.mark.parametrize("ready", [True, False])
def test_a_worker_that_goes_on_without_a_word_does_not_hold_up_the_run(ready: bool) -> None:
    stage = Stage(1)
    (shard,) = stage.shards
    shard.arrives()
    if ready:
        shard.tells(messages.Ready)
        shard.ships([10] * 5)
    shard.says(messages.Ended(reports=[]))  # an error of ours, or of a library: no `done`
    stage.coordinator.reported(SPEC.nodeid)
    shard.arrives(replace(SPEC, nodeid="test_it.py::test_next"))
    assert shard.kinds()[-1] == messages.Assign
    reasons = [result.reasons[0] for result in stage.results]
    assert reasons == ["1 of 1 shards lost (gw0 left it with an error): the numbers are partial"] * ready


def test_so_it_is_within_one_process() -> None:
    stage = Stage(1)
    (shard,) = stage.shards
    shard.says(messages.Arrive(spec=SPEC))
    shard.tells(messages.Ready)
    shard.says(messages.Arrive(spec=replace(SPEC, nodeid="test_it.py::test_next")))
    assert shard.kinds()[-1] == messages.Assign
