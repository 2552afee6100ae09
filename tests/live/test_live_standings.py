"""The live view asks the verdict: what it shows of any recording is the verdict that this recording would get."""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rtmedload.live.aggregate import Tally
from pytest_rtmedload.live.progress import TargetSoFar
from pytest_rtmedload.live.standings import targets_so_far
from pytest_rtmedload.results.histogram import Histogram
from pytest_rtmedload.results.model import TargetResult, Verdict
from pytest_rtmedload.results.plan import PERCENTILES, Evidence, Target, TestPlan
from pytest_rtmedload.results.recording import CallSample, Cell, Clock, Outcome, Phase, Recording, SeriesKey, ValueStats
from pytest_rtmedload.spec.load_spec import LoadSpec
from pytest_rtmedload.spec.shapes import parse_shape
from pytest_rtmedload.verdict.evidence import ShareRule
from pytest_rtmedload.verdict.samples import Measured, Samples
from pytest_rtmedload.verdict.targets import judge_target

SECONDS = 4
TIMED = ("iteration", "GET /a", "voice.loop", "llm.ttft")
VALUES = ("stt.wer", "GET /a")  # a value may have the name of a metric
NAMES = st.sampled_from([*TIMED, "stt.wer", "nobody.knows"])
LIMITS = st.one_of(
    st.builds(Target, NAMES, st.sampled_from([*PERCENTILES, "max"]), st.sampled_from([5.0, 40.0, 300.0])),
    st.builds(Target, st.one_of(st.just(""), NAMES), st.just("errors"), st.sampled_from([0.0, 0.05, 0.5, 1.0])),
    st.builds(Target, st.one_of(st.just(""), NAMES), st.just("min_rate"), st.sampled_from([0.0, 5.0, 500.0])),
    st.builds(Target, NAMES, st.sampled_from(["mean_max", "mean_min", "max", "min"]), st.sampled_from([0.0, 0.3])),
)
COUNTS = st.one_of(st.integers(1, 40), st.sampled_from([300, 10_000]))
SPEC = LoadSpec("test_a.py::test_a", "api", users=5, duration=float(SECONDS))


class Independent(Measured):
    """A recording whose samples are taken as independent: the one thing in which the live view differs."""

    def samples(self, metric: str, tag: str | None = None, *, lagged: bool = False) -> Samples:
        found = super().samples(metric, tag, lagged=lagged)
        if found.n:
            found.rules = {
                name: ShareRule(found.n, 1 - p, float(found.n), found.calls) for name, p in PERCENTILES.items()
            }
        return found


@st.composite
def shipments(draw: st.DrawFn) -> list[Recording]:
    """What the shards of a test ship, second by second."""
    found = []
    for second in range(SECONDS):
        delta = Recording()
        for metric in draw(st.sets(st.sampled_from(TIMED))):
            add_series(draw, delta, metric, second)
        for name in draw(st.sets(st.sampled_from(VALUES))):
            stats = delta.values[name, draw(st.sampled_from(["", "a"]))] = ValueStats()
            for amount in draw(st.lists(st.sampled_from([0.1, 0.3, 0.5]), max_size=3)):
                stats.add(amount)
        found.append(delta)
    return found


def add_series(draw: st.DrawFn, delta: Recording, metric: str, second: int) -> None:
    outcome, clock = draw(st.sampled_from(Outcome)), draw(st.sampled_from(Clock))
    phase = draw(st.sampled_from([Phase.MEASURE, Phase.MEASURE, Phase.RAMP]))
    key, cell, histogram = SeriesKey(metric, "", outcome, clock), Cell(phase, second), Histogram()
    delta.cells(key)[cell] = histogram
    if metric == "voice.loop":
        add_calls(draw, delta, key, cell)
        return
    for us_ in draw(st.sets(st.sampled_from([1_000, 40_000, 39_000, 900_000]), min_size=1)):
        histogram.record(us_, draw(COUNTS))


def add_calls(draw: st.DrawFn, delta: Recording, key: SeriesKey, cell: Cell) -> None:
    """Quick turns of some calls; calls may go on from second to second, or be unknown."""
    first, calls = draw(st.integers(0, 15)), draw(st.integers(1, 12))
    turns = [(f"call {first + i % calls}", us) for i, us in enumerate(draw(st.lists(st.just(1_000), min_size=5)))]
    histogram = delta.cells(key).setdefault(cell, Histogram())
    for _, us in turns:
        histogram.record(us)
    known = len(turns) if draw(st.integers(0, 3)) else 0
    delta.calls.setdefault(key, []).extend(CallSample(call, cell, us) for call, us in turns[:known])


@st.composite
def shipments_of_calls(draw: st.DrawFn) -> list[Recording]:
    """Turns of calls, of which some are not judged."""
    found = []
    for second in range(SECONDS):
        found.append(delta := Recording())
        outcome = draw(st.sampled_from([Outcome.OK, Outcome.OK, Outcome.OK, Outcome.FAILED]))
        clock = draw(st.sampled_from([Clock.SERVICE, Clock.SERVICE, Clock.RESPONSE]))
        phase = draw(st.sampled_from([Phase.MEASURE, Phase.MEASURE, Phase.RAMP]))
        add_calls(draw, delta, SeriesKey("voice.loop", "", outcome, clock), Cell(phase, second))
    return found


def plan_of(spec: LoadSpec) -> TestPlan:
    return TestPlan(
        nodeid=spec.nodeid,
        group=spec.group,
        model="open" if spec.open else "closed",
        users=spec.users,
        phases={str(Phase.MEASURE): (0.0, float(SECONDS))},
        evidence=spec.evidence,
        targets=spec.targets,
        metric=spec.metric,
        saturated=spec.saturates,
    )


def shown(result: TargetResult) -> tuple[str, str | None]:
    """The start of the line and the standing, as a live view has to show them."""
    if "n = " not in result.text:  # nothing to judge: a verdict says why, the live view waits
        return result.text.partition(": ")[0], None
    standing = {Verdict.PASS: "met", Verdict.FAIL: "missed"}.get(result.verdict, "open")
    return result.text.partition(" (")[0], standing


@settings(max_examples=150, deadline=None)
@given(
    shipments(),
    st.lists(LIMITS, min_size=1, max_size=6, unique_by=lambda target: (target.metric, target.name)),
    st.sampled_from(Evidence),
    st.sampled_from(["steady", "arrivals(steady)"]),
    st.sampled_from(["iteration", "GET /a"]),
)
def test_the_standing_of_any_recording_is_its_verdict(
    deltas: list[Recording], targets: list[Target], evidence: Evidence, shape: str, metric: str
) -> None:
    spec = dataclasses.replace(
        SPEC,
        targets=tuple(targets),
        evidence=evidence,
        shape=parse_shape(shape),
        rate=10.0 if "(" in shape else None,
        metric=metric,
    )
    found = stands_as_judged(spec, deltas)
    if any(target.standing == "missed" for target in found):
        assert found[0].standing == "missed"


@settings(max_examples=200, deadline=None)
@given(shipments_of_calls(), st.sampled_from(["p50", "p90"]))
def test_calls_are_counted_as_the_verdict_counts_them(deltas: list[Recording], name: str) -> None:
    stands_as_judged(dataclasses.replace(SPEC, targets=(Target("voice.loop", name, 40.0),)), deltas)


def stands_as_judged(spec: LoadSpec, deltas: list[Recording]) -> tuple[TargetSoFar, ...]:
    whole, tally = Recording(), Tally(Clock.RESPONSE if spec.open else Clock.SERVICE)
    for delta in deltas:
        tally.add(delta)
        whole.merge(delta)
    measured = Independent(plan_of(spec), whole)
    judged = [t for t in spec.targets if spec.evidence is not Evidence.NONE or t.name == "errors"]
    expected = [shown(judge_target(target, measured)) for target in judged]
    found = targets_so_far(spec, (), tally, float(SECONDS))
    assert sorted((t.text, str(t.standing)) for t in found) == sorted((text, str(s)) for text, s in expected)
    return found


@settings(max_examples=300, deadline=None)
@given(
    n=st.one_of(st.integers(1, 200), st.integers(1, 1_000_000)),
    allowed=st.one_of(st.sampled_from([0.5, 0.1, 0.05, 0.01, 0.001]), st.floats(1e-6, 1 - 1e-6)),
    at=st.floats(0, 1),
)
def test_what_is_far_from_a_limit_is_decided_as_by_the_exact_rule(n: int, allowed: float, at: float) -> None:
    rule = ShareRule.independent(n, allowed)
    edge = 4.4 * (n * allowed * (1 - allowed)) ** 0.5  # where the short way begins
    for k in {round(at * n), round(allowed * n + edge), round(allowed * n - edge)}:
        if 0 <= k <= n:
            exact = Verdict.PASS if rule.passes(k) else Verdict.FAIL if rule.fails(k) else Verdict.INCONCLUSIVE
            assert rule.verdict(k) is exact
