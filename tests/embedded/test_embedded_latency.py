from __future__ import annotations

import pytest

from pytest_rtmedload.dialects import Operation
from pytest_rtmedload.embedded.keys import Pause
from pytest_rtmedload.embedded.latency import LatencyModel, RequestFault, finish
from pytest_rtmedload.embedded.settings import EmbeddedSettings


def model(*pairs: str, seed: int = 1) -> LatencyModel:
    return LatencyModel(EmbeddedSettings.parse(pairs, seed))


@pytest.mark.parametrize(
    ("begin", "due"),
    [
        (0, 10),  # long before the pause
        (95, 125),  # the pause falls into the work, which lasts that much longer
        (100, 130),  # came as the pause began: worked on when it has ended
        (119, 130),
        (120, 130),
    ],
)
def test_nothing_proceeds_during_a_pause(begin: int, due: int) -> None:
    assert finish(begin, 10, [Pause(100, 20)]) == due


def test_pauses_may_overlap_and_follow_each_other() -> None:
    assert finish(0, 10, [Pause(0, 60), Pause(50, 20)]) == 80
    assert finish(0, 10, [Pause(5, 10), Pause(12, 10)]) == 30


def test_the_answer_is_due_at_received_plus_drawn() -> None:
    plan = model("http.delay=uniform(5ms, 20ms)").plan(Operation.HEALTH, 1_000)
    assert plan.due == 1_000 + plan.drawn
    assert plan.fault is None


def test_operations_do_not_disturb_each_others_draws() -> None:
    alone, mixed = model(), model()
    expected = [alone.plan(Operation.HEALTH, 0).drawn for _ in range(10)]
    for drawn in expected:
        mixed.plan(Operation.START_CALL, 0)
        assert mixed.plan(Operation.HEALTH, 0).drawn == drawn


def test_another_seed_draws_otherwise() -> None:
    assert model(seed=1).plan(Operation.HEALTH, 0).drawn != model(seed=2).plan(Operation.HEALTH, 0).drawn


def test_a_stall_counts_from_the_first_request_and_again_after_a_restart() -> None:
    stalling = model("http.delay=0ms", "http.stall=2s@5s")
    second = 1_000_000_000
    assert stalling.plan(Operation.HEALTH, 100).due == 100
    assert stalling.plan(Operation.HEALTH, 100 + 6 * second).due == 100 + 7 * second
    stalling.restart_clock()
    assert stalling.plan(Operation.HEALTH, 7 * second).due == 7 * second
    assert stalling.plan(Operation.HEALTH, 12 * second).due == 14 * second


def test_rates_are_met_and_independent_of_each_other() -> None:
    both = model("http.error_rate=0.2", "http.cut_rate=0.1")
    errors_only = model("http.error_rate=0.2")
    faults = [both.plan(Operation.HEALTH, 0).fault for _ in range(5000)]
    expected = [errors_only.plan(Operation.HEALTH, 0).fault for _ in range(5000)]
    assert faults.count(RequestFault.CUT) == pytest.approx(500, rel=0.15)
    assert expected.count(RequestFault.ERROR) == pytest.approx(1000, rel=0.1)
    assert all(other is fault or fault is RequestFault.CUT for fault, other in zip(faults, expected, strict=True))


def test_the_request_after_the_last_one_kills() -> None:
    dying = model("die_after=2")
    assert [dying.plan(Operation.HEALTH, 0).fault for _ in range(3)] == [None, None, RequestFault.DEATH]


def test_a_drift_grows_with_every_second_and_ends_with_a_restart() -> None:
    drifting = model("http.delay=10ms", "http.drift=2ms")
    second, ms = 1_000_000_000, 1_000_000
    assert drifting.plan(Operation.HEALTH, 0).drawn == 10 * ms
    late = drifting.plan(Operation.HEALTH, 5 * second)
    assert (late.drawn, late.due) == (20 * ms, 5 * second + 20 * ms)
    drifting.restart_clock()
    assert drifting.plan(Operation.HEALTH, 9 * second).drawn == 10 * ms


def test_requests_beyond_the_capacity_wait_for_their_turn_and_the_queue_drains() -> None:
    busy = model("http.delay=10ms", "http.capacity=100")
    ms = 1_000_000
    assert [busy.plan(Operation.HEALTH, 0).due // ms for _ in range(3)] == [10, 20, 30]
    assert busy.plan(Operation.HEALTH, 25 * ms).due == 40 * ms
    assert busy.plan(Operation.HEALTH, 500 * ms).due == 510 * ms
