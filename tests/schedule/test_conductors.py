import math

from pytest_rtmedload.results.recording import Phase
from pytest_rtmedload.schedule.conductors import Command, Steady
from pytest_rtmedload.spec.load_spec import LoadSpec


def spec(**sizes: float) -> LoadSpec:
    return LoadSpec(nodeid="t", group="api", **({"users": 4, "duration": 10.0} | sizes))


def test_users_are_added_evenly_over_the_ramp() -> None:
    assert Steady(spec(ramp=2.0, warmup=1.0)).commands() == [
        Command(0.0, "users", 1),
        Command(0.5, "users", 2),
        Command(1.0, "users", 3),
        Command(1.5, "users", 4),
        Command(13.0, "end"),
    ]


def test_without_a_ramp_all_start_at_once() -> None:
    assert Steady(spec()).commands() == [Command(0.0, "users", 4), Command(10.0, "end")]


def test_phases_that_take_no_time_do_not_exist() -> None:
    assert list(Steady(spec()).phases()) == [Phase.MEASURE]
    assert Steady(spec(ramp=2.0, warmup=1.0)).phases() == {
        Phase.RAMP: (0.0, 2.0),
        Phase.WARMUP: (2.0, 3.0),
        Phase.MEASURE: (3.0, 13.0),
    }


def test_with_a_number_of_iterations_the_end_is_open() -> None:
    conductor = Steady(spec(iterations=3))
    assert conductor.commands() == [Command(0.0, "users", 4)]
    assert conductor.phases()[Phase.MEASURE] == (0.0, math.inf)
