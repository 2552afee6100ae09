from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from pytest_rtmedload.results.recording import Phase
from pytest_rtmedload.schedule.conductors import Command, Conductor
from pytest_rtmedload.schedule.factory import conductor_for
from pytest_rtmedload.spec.load_spec import LoadSpec
from pytest_rtmedload.spec.shapes import parse_shape


def conductor(shape: str, **sizes: Any) -> Conductor:
    return conductor_for(LoadSpec("t", "api", **({"users": 4, "duration": 30.0} | sizes), shape=parse_shape(shape)))


def users_at(conductor: Conductor, at: float) -> float:
    return [command.value for command in conductor.commands() if command.kind == "users" and command.at <= at][-1]


def test_steps_rise_and_are_judged_without_their_first_second() -> None:
    steps = conductor("steps(5..15 by 5, 10s)", users=5, ramp=1.0, warmup=1.0)
    assert steps.phases() == {Phase.RAMP: (0.0, 1.0), Phase.WARMUP: (1.0, 2.0), Phase.MEASURE: (2.0, 32.0)}
    assert [(s.name, s.users, s.begin, s.end) for s in steps.stages()] == [
        ("5 users", 5, 3.0, 12.0),
        ("10 users", 10, 13.0, 22.0),
        ("15 users", 15, 23.0, 32.0),
    ]
    assert [users_at(steps, at) for at in (1.5, 11.9, 13.0, 22.0, 31.0)] == [5, 5, 10, 11, 15]
    assert steps.commands()[-1] == Command(32.0, "end")


def test_the_last_step_is_the_number_that_was_asked_for() -> None:
    assert [s.users for s in conductor("steps(5..12 by 5, 4s)").stages()] == [5, 10, 12]


def test_a_ramp_takes_five_steps_of_the_measured_time() -> None:
    ramp = conductor("ramp(2..10)", users=2)
    assert [s.users for s in ramp.stages()] == [2, 4, 6, 8, 10]
    assert ramp.phases()[Phase.MEASURE] == (0.0, 30.0)


def test_a_step_lasts_three_seconds_at_least() -> None:
    assert conductor("ramp(2..10)", users=2, duration=4.0).phases()[Phase.MEASURE] == (0.0, 15.0)


def test_a_spike_of_users() -> None:
    spike = conductor("spike(50, 10s)", ramp=1.0)
    assert [(s.name, s.users, s.begin, s.end) for s in spike.stages()] == [
        ("before the spike", 4, 1.0, 11.0),
        ("spike", 50, 11.0, 21.0),
        ("after the spike", 4, 21.0, 31.0),
    ]
    assert [users_at(spike, at) for at in (2, 11, 20, 21, 30)] == [4, 50, 50, 4, 4]


def test_a_spike_in_too_short_a_test_makes_it_longer() -> None:
    before, spike, after = conductor("spike(50, 10s)", duration=4.0).stages()
    assert min(stage.end - stage.begin for stage in (before, spike, after)) >= 10


def test_a_spike_of_arrivals() -> None:
    due = list(conductor("spike(50, 10s)", rate=10.0).arrivals(seed=1))
    assert len(due) == 10 * 10 + 50 * 10 + 10 * 10
    assert sum(10 <= at < 20 for at in due) == pytest.approx(500, abs=1)
    assert all(later > earlier for earlier, later in pairwise(due))
