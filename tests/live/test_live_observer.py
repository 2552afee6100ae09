"""What a live view is told of the shipments of a test."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import pytest

from pytest_rtmedload.live.observer import RunWatch
from pytest_rtmedload.live.progress import Progress, TargetSoFar
from pytest_rtmedload.live.view import LiveView
from pytest_rtmedload.results.histogram import Histogram
from pytest_rtmedload.results.plan import Evidence, Target
from pytest_rtmedload.results.recording import CallSample, Cell, Clock, Outcome, Phase, Recording, SeriesKey, ValueStats
from pytest_rtmedload.spec.load_spec import LoadSpec
from pytest_rtmedload.spec.shapes import parse_shape

P95 = Target("iteration", "p95", 100.0)
SPEC = LoadSpec("test_a.py::test_a", "api", users=5, duration=10.0, ramp=1.0, targets=(P95,))


class Shown(LiveView):
    """A view that keeps what it could show."""

    def __init__(self) -> None:
        super().__init__(io.StringIO())
        self.last: dict[str, Progress] = {}
        self.ended: list[str] = []

    def _update(self, nodeid: str) -> None:
        self.last[nodeid] = self._tests[nodeid]()

    def _ended(self, nodeid: str) -> None:
        self.ended.append(nodeid)


def of_milliseconds(latencies: list[float]) -> Histogram:
    return Histogram.merged(Histogram.of(round(1000 * latency)) for latency in latencies)


def shipment(
    latencies: list[float],
    metric: str = "iteration",
    outcome: str = Outcome.OK,
    *,
    clock: str = Clock.SERVICE,
    phase: str = Phase.MEASURE,
    into: Recording | None = None,
) -> Recording:
    recording = into or Recording()
    recording.cells(SeriesKey(metric, outcome=outcome, clock=clock))[Cell(phase, 2)] = of_milliseconds(latencies)
    return recording


def watched(*deltas: Recording, spec: LoadSpec = SPEC, table: tuple[tuple[Target, ...], ...] = ()) -> Progress:
    view = Shown()
    watch = RunWatch(view, table)
    watch.started(spec, 11.0)
    for second, delta in enumerate(deltas, 2):
        watch.progressed(spec, "measure", float(second), 5, delta)
    return view.last[spec.nodeid]


def stands(target: Target, *deltas: Recording, **changes: Any) -> TargetSoFar:
    (found,) = watched(*deltas, spec=dataclasses.replace(SPEC, targets=(target,), **changes)).targets
    return found


def test_shipments_add_up() -> None:
    delta = shipment([10.0] * 30)
    shipment([50.0] * 10, outcome=Outcome.FAILED, into=delta)
    delta.add_error("rare", "", 1)
    delta.add_error("frequent", "", 1_200)
    found = watched(delta, delta)
    assert (found.iterations, found.failed_share, found.rate) == (80, 0.25, 40.0)
    assert (found.users, found.elapsed_s, found.total_s, found.phase) == (5, 3.0, 11.0, "measure")
    assert found.error == "2,400 × frequent"
    assert found.targets == (TargetSoFar("iteration p95 10 ms ≤ 100 ms", "met", 60),)


def test_an_iteration_of_the_open_model_is_counted_once_and_judged_from_when_it_was_due() -> None:
    spec = dataclasses.replace(SPEC, shape=parse_shape("arrivals(steady)"), rate=10.0)
    delta = shipment([10.0] * 99)
    shipment([200.0] * 99, clock=Clock.RESPONSE, into=delta)
    found = watched(delta, spec=spec)
    assert (found.iterations, found.open) == (99, True)
    assert found.targets[0].text == "iteration p95 200 ms > 100 ms"


def test_only_the_measured_phase_is_judged() -> None:
    found = watched(shipment([500.0] * 99, phase=Phase.RAMP))
    assert found.iterations == 99
    assert found.targets == (TargetSoFar("iteration p95 ≤ 100 ms", None),)


@pytest.mark.parametrize(
    ("fast", "slow", "standing"), [(59, 0, "met"), (58, 0, "open"), (20, 20, "missed"), (95, 5, "open")]
)
def test_a_percentile_stands_by_the_rule_of_the_verdict(fast: int, slow: int, standing: str) -> None:
    found = stands(P95, shipment([10.0] * fast + [200.0] * slow))
    assert (found.standing, found.n) == (standing, fast + slow)


def test_what_was_never_answered_is_above_every_limit() -> None:
    delta = shipment([10.0] * 50)
    shipment([80.0] * 50, outcome=Outcome.CENSORED, into=delta)
    assert stands(P95, delta) == TargetSoFar("iteration p95 ≥ 80 ms, limit ≤ 100 ms", "missed", 100)


def test_few_calls_make_nothing_clear() -> None:
    delta = shipment([10.0] * 100, "voice.loop")
    sample = CallSample("", Cell(Phase.MEASURE, 2), 10_000)
    delta.calls[SeriesKey("voice.loop")] = [sample._replace(call=str(i % 19)) for i in range(100)]
    loop = Target("voice.loop", "p95", 100.0)
    assert stands(loop, delta).standing == "open"
    delta.calls[SeriesKey("voice.loop")].append(sample._replace(call="19"))
    assert stands(loop, delta).standing == "met"


def test_the_point_estimate_alone_decides_where_that_was_asked_for() -> None:
    assert stands(P95, shipment([10.0]), evidence=Evidence.POINT).standing == "met"


def test_a_smoke_test_judges_errors_only() -> None:
    spec = dataclasses.replace(SPEC, evidence=Evidence.NONE, targets=(P95, Target("", "errors", 0.0)))
    assert [target.text for target in watched(shipment([500.0]), spec=spec).targets] == [
        "errors of iterations 0 % ≤ 0 %"
    ]


@pytest.mark.parametrize(
    ("target", "text", "standing"),
    [
        (Target("step", "max", 20.0), "step max 30 ms > 20 ms", "missed"),
        (Target("step", "max", 30.0), "step max 30 ms ≤ 30 ms", "met"),
        (Target("", "errors", 0.0), "errors of operations 9.09 % > 0 %", "missed"),
        (Target("", "errors", 0.5), "errors of operations 9.09 % ≤ 50 %", "met"),
        (Target("step", "errors", 0.5), "errors of step 9.09 % ≤ 50 %", "met"),
        (Target("", "min_rate", 8.0), "rate ≥ 10 /s, limit ≥ 8 /s", "met"),
        (Target("step", "min_rate", 80.0), "step rate ≥ 40 /s, limit ≥ 80 /s", "missed"),
        (Target("wer", "mean_max", 0.1), "wer mean 0.2 > 0.1", "missed"),
        (Target("wer", "min", 0.1), "wer min 0.2 ≥ 0.1", "met"),
        (Target("nothing", "p95", 1.0), "nothing p95 ≤ 1 ms", None),
        (Target("nothing", "mean_min", 1.0), "nothing mean ≥ 1", None),
        (Target("nothing", "errors", 0.1), "errors of nothing ≤ 10 %", None),
        (Target("nothing", "min_rate", 1.0), "nothing rate ≥ 1 /s", None),
    ],
)
def test_every_kind_of_limit(target: Target, text: str, standing: str | None) -> None:
    delta = shipment([30.0] * 40, "step")
    shipment([1.0] * 4, "step", Outcome.FAILED, into=delta)
    shipment([30.0] * 10, into=delta)
    shipment([30.0] * 4, outcome=Outcome.ABORTED, into=delta)
    stats = delta.values["wer", "a"] = ValueStats()
    stats.add(0.2)
    found = stands(target, delta)
    assert (found.text, found.standing) == (text, standing)


def test_iterations_that_fail_by_themselves_are_errors() -> None:
    delta = shipment([30.0] * 40, "step")
    shipment([30.0] * 30, outcome=Outcome.FAILED, into=delta)
    shipment([30.0] * 10, into=delta)
    assert stands(Target("", "errors", 0.5), delta).text == "errors of iterations 75 % > 50 %"
    assert stands(Target("iteration", "errors", 0.5), delta).text == "errors of iterations 75 % > 50 %"


def test_iterations_that_miss_the_limit_are_not_hidden_by_operations_that_may() -> None:
    delta = shipment([30.0] * 9_300, "step")
    shipment([30.0] * 700, "step", Outcome.FAILED, into=delta)
    shipment([30.0] * 18, into=delta)
    shipment([30.0] * 2, outcome=Outcome.FAILED, into=delta)
    assert stands(Target("", "errors", 0.05), delta) == TargetSoFar("errors of operations 7 % > 5 %", "missed", 10_000)


def test_a_search_shows_only_what_is_judged_over_all_of_its_levels() -> None:
    targets = (P95, Target("capacity", "min", 12.0))
    spec = dataclasses.replace(SPEC, shape=parse_shape("capacity(2..40, 30s)"), targets=targets)
    assert watched(shipment([500.0] * 99), spec=spec).targets == (TargetSoFar("capacity min ≥ 12", None),)


def test_limits_of_the_options_count_and_the_worst_comes_first() -> None:
    delta = shipment([30.0] * 99, "step")
    shipment([30.0] * 99, into=delta)
    table = ((Target("step", "p95", 5.0), Target("elsewhere", "p95", 5.0)),)
    spec = dataclasses.replace(SPEC, targets=(Target("", "errors", 0.05, default=True), P95))
    assert [target.text for target in watched(delta, spec=spec, table=table).targets] == [
        "step p95 30 ms > 5 ms",
        "iteration p95 30 ms ≤ 100 ms",
        "errors of operations 0 % ≤ 5 %",
    ]


def test_the_generator_tells_of_itself() -> None:
    delta = shipment([30.0])
    assert watched(delta).generator == Progress("", "", 0.0).generator
    delta.health.lag = of_milliseconds([3.0])
    delta.health.measured_ns, delta.health.thread_cpu_ns = 1_000_000_000, 250_000_000
    found = watched(delta).generator
    assert (found.lag_p99_ms, found.cpu_percent, found.frames_late_ms, found.troubled) == (3.0, 25.0, None, False)


@pytest.mark.parametrize(
    "trouble",
    [
        {"lagging_ns": 60_000_000, "late_us": 100_000, "iterations": 10, "iterating_ns": 10**8, "operations": 10},
        {"planned_starts": 100, "achieved_starts": 94},
        {"frames": 10, "frames_late_ns": 50_000_000},
    ],
)
def test_it_says_so_when_the_generator_would_spoil_the_verdict(trouble: dict[str, int]) -> None:
    delta = shipment([30.0])
    delta.health.measured_ns = 1_000_000_000
    delta.health.lag = of_milliseconds([1.0] * 100)
    assert not watched(delta).generator.troubled
    for name, value in trouble.items():
        setattr(delta.health, name, value)
    assert watched(delta).generator.troubled


def test_the_stage_a_test_is_in() -> None:
    spec = dataclasses.replace(SPEC, users=20, duration=40.0, ramp=0.0, shape=parse_shape("steps(5..20 by 5, 10s)"))
    assert watched(shipment([30.0]), spec=spec).stage == "5 users (1 of 4)"
    assert watched(*[shipment([30.0])] * 20, spec=spec).stage == "15 users (3 of 4)"
    assert watched(shipment([30.0])).stage is None


def test_tests_at_the_same_time_are_kept_apart() -> None:
    view, other = Shown(), dataclasses.replace(SPEC, nodeid="test_b.py::test_b")
    watch = RunWatch(view)
    for spec in (SPEC, other):
        watch.started(spec, None)
    watch.progressed(SPEC, "measure", 1.0, 5, shipment([10.0] * 3))
    watch.progressed(other, "ramp", 2.0, 1, shipment([10.0]))
    watch.finished(SPEC)
    watch.progressed(SPEC, "measure", 3.0, 5, shipment([10.0]))  # what comes late is nothing to show
    assert view.ended == [SPEC.nodeid]
    assert [(view.last[s.nodeid].iterations, view.last[s.nodeid].phase) for s in (SPEC, other)] == [
        (3, "measure"),
        (1, "ramp"),
    ]
    watch.finished()
    assert view.ended == [SPEC.nodeid, other.nodeid]


def test_a_test_that_is_run_once_more_starts_over() -> None:
    view = Shown()
    watch = RunWatch(view)
    for _ in range(2):
        watch.started(SPEC, None)
        watch.progressed(SPEC, "measure", 1.0, 5, shipment([10.0]))
    assert view.last[SPEC.nodeid].iterations == 1
