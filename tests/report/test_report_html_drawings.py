from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from pytest_rtmedload.report.page.drawings import canvas
from pytest_rtmedload.report.page.drawings.axis import latencies, linear, time_marks
from pytest_rtmedload.report.page.drawings.canvas import Mark
from pytest_rtmedload.report.page.drawings.conversation import waterfalls
from pytest_rtmedload.report.page.drawings.distribution import BARS, distribution
from pytest_rtmedload.report.page.drawings.seconds import rows
from pytest_rtmedload.report.page.drawings.stages import latency_targets, levels
from pytest_rtmedload.report.page.drawings.targets import target_drawing
from pytest_rtmedload.report.page.drawings.timeline import timeline
from pytest_rtmedload.results.histogram import Histogram
from pytest_rtmedload.results.model import Kind, MetricResult, TimelineMetric, TimelinePoint, Verdict
from tests.report.report_builders import NOTHING, metric
from tests.report.report_details import capacity_test, flow_test, spike_test

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.results.model import TargetResult, TestResult


def shapes(drawing: str) -> dict[str, ET.Element]:
    return {element.get("class", ""): element for element in ET.fromstring(drawing)}  # noqa: S314 - our own


def number(element: ET.Element, name: str) -> float:
    return float(element.get(name) or "nan")


def points_of(path: str) -> list[tuple[int, int]]:
    """The points of a curve without gaps: `M0 5l3-2` is (0, 5), (3, 3)."""
    steps = [(int(a), int(b)) for a, b in re.findall(r"[Ml](-?\d+) ?(-?\d+)", path)]
    found = [steps[0]]
    for x, y in steps[1:]:
        found.append((found[-1][0] + x, found[-1][1] + y))
    return found


# --- pens


def test_a_curve_has_gaps_where_nothing_was_measured() -> None:
    drawn = canvas.curve("x", [(0.1, 0.5), (0.2, 0.4), (0.3, None), (0.4, 0.2)])
    assert drawn == '<path class="x" d="M100 500l100-100M400 200h0"/>'
    assert canvas.curve("x", [(0.1, None)]) == ""


def test_rounding_does_not_add_up() -> None:
    drawn = canvas.curve("x", [(i / 700, i / 700) for i in range(701)])
    assert points_of(drawn)[-1] == (1000, 1000)


def test_a_band_has_a_piece_for_each_stretch() -> None:
    low = [(0.0, 0.9), (0.1, 0.9), (0.2, None), (0.3, 0.9), (0.4, 0.9)]
    high = [(0.0, 0.5), (0.1, 0.4), (0.2, 0.4), (0.3, None), (0.4, 0.1)]
    assert canvas.band("x", low, high) == '<path class="x" d="M0 500l100-100l0 500l-100 0z"/>'


def test_equal_bars_are_one_edge() -> None:
    drawn = canvas.columns("x", [0.5, 0.5, 1.0], [0.0, 0.25, 0.5, 1.0])
    assert drawn == '<path class="x" d="M0 1000H0V500H500V0H1000V1000z"/>'


# --- axes


@pytest.mark.parametrize("highest", [0.003, 0.04, 1.0, 7.0, 99.0, 100.0, 101.0, 812.0, 40_000.0])
def test_an_axis_has_few_round_steps(highest: float) -> None:
    axis = linear(highest)
    assert highest <= axis.high * (1 + 1e-9)
    assert axis.high < highest * 2
    assert 3 <= len(axis.marks) <= 6


def test_an_outlier_makes_the_axis_logarithmic() -> None:
    assert not latencies(5, 50, 390).logarithmic
    axis = latencies(5, 50, 10_000)
    assert axis.logarithmic
    assert axis.at(5) == 0
    assert axis.at(10_000) == 1
    assert axis.value(axis.at(70)) == pytest.approx(70)
    assert 2 <= len(axis.marks) <= 8


def test_time_marks_are_round_seconds() -> None:
    assert [mark.text for mark in time_marks(0, 4)] == ["0 s", "1 s", "2 s", "3 s", "4 s"]
    assert [mark.text for mark in time_marks(0, 300)] == ["0 s", "100 s", "200 s", "300 s"]


# --- targets


def test_a_target_is_drawn_to_scale(build_target: Callable[..., TargetResult]) -> None:
    drawing = target_drawing(build_target(Verdict.FAIL, limit=100, value=160.0, bounds=(140.0, 200.0)))
    found = shapes(drawing.svg)  # the scale ends at 1.25 x 200 ms
    assert (number(found["bad"], "x"), number(found["bad"], "width")) == (400, 600)
    assert (number(found["bounds FAIL"], "x"), number(found["bounds FAIL"], "width")) == (560, 240)
    assert found["value"].get("d") == "M640 100V900"
    assert found["limit"].get("d") == "M400 0V1000"
    assert drawing.marks == [Mark(40.0, "limit 100 ms")]


def test_a_bound_that_does_not_exist_is_open(build_target: Callable[..., TargetResult]) -> None:
    found = shapes(target_drawing(build_target(limit=100, value=80.0, bounds=(60.0, None))).svg)
    bar = found["bounds PASS"]
    assert number(bar, "x") + number(bar, "width") == 1000


def test_a_rate_is_forbidden_below_its_limit(build_target: Callable[..., TargetResult]) -> None:
    rate = build_target(name="min_rate", kind=Kind.RATE, unit="/s", limit=100.0, value=200.0, bounds=None)
    bad = shapes(target_drawing(rate).svg)["bad"]
    assert (number(bad, "x"), number(bad, "width")) == (0, 400)


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_no_value_draws_only_the_limit(build_target: Callable[..., TargetResult], value: float | None) -> None:
    found = shapes(target_drawing(build_target(value=value, bounds=(None, None), text="x")).svg)
    assert set(found) == {"", "bad", "limit"}  # "": the title


def test_a_limit_of_zero_can_be_drawn(build_target: Callable[..., TargetResult]) -> None:
    found = shapes(target_drawing(build_target(limit=0.0, value=0.0, bounds=None, text="x")).svg)
    assert number(found["bad"], "width") == 1000


# --- time lines


def seconds(*p95s: float | None, lost: int = 0) -> list[TimelinePoint]:
    return [
        TimelinePoint(i, "measure", 5, {"m": TimelineMetric(9, lost, 0, p95 and p95 / 2, p95, p95, p95)})
        for i, p95 in enumerate(p95s)
    ]


def test_a_time_line_is_drawn_to_scale(build_test: Callable[..., TestResult]) -> None:
    line = timeline(build_test(timeline=seconds(40, 40, None, 20), targets=[], phases={}, metric="m"), ["m"])
    assert line is not None
    found = shapes(line.plots[0].svg)  # the axis ends at 40 ms
    assert found["p95"].get("d") == "M125 0l250 0M875 500h0"
    assert found["p50"].get("d") == "M125 500l250 0M875 750h0"
    assert [(mark.at, mark.text) for mark in line.plots[0].marks] == [
        (100, "0"),
        (75, "10"),
        (50, "20"),
        (25, "30"),
        (0, "40"),
    ]
    assert line.phases == [Mark(0, "measure", 100, "measure")]
    assert [(lane.name, lane.most) for lane in line.lanes] == [("users", "5"), ("rate", "9/s")]


def test_a_limit_is_drawn_or_told(
    build_test: Callable[..., TestResult], build_target: Callable[..., TargetResult]
) -> None:
    near = timeline(build_test(timeline=seconds(40), targets=[build_target(metric="m", limit=60.0)]), ["m"])
    far = timeline(build_test(timeline=seconds(40), targets=[build_target(metric="m", limit=700.0)]), ["m"])
    assert near is not None
    assert far is not None
    assert ("limit" in shapes(near.plots[0].svg), near.plots[0].limit_note) == (True, "")
    assert ("limit" in shapes(far.plots[0].svg), far.plots[0].limit_note) == (
        False,
        "p95 limit 700 ms: above this drawing",
    )


def test_failures_are_bars_and_absent_without_any(build_test: Callable[..., TestResult]) -> None:
    line = timeline(build_test(timeline=seconds(40, 40, lost=3), metric="m"), ["m"])
    assert line is not None
    assert line.lanes[-1].most == "3"
    assert shapes(line.lanes[-1].svg)["failed"].get("d") == "M0 1000H0V0H1000V1000z"


def test_the_slowest_second_stands_for_its_stretch() -> None:
    found = rows(seconds(*[10.0] * 298, 90.0, 20.0, lost=1), "m", 100)
    assert len(found) == 100
    assert (found[-1].label, found[-1].metrics["m"].p95_ms, found[-1].failed) == ("297–299", 90.0, 3)
    assert found[-1].rate == 10


def test_a_hole_in_the_seconds_stays_a_hole() -> None:
    first, _, last = seconds(1, 2, 3)
    found = rows([first, last], "m", 300)
    assert [(row.begin, len(row.metrics)) for row in found] == [(0, 1), (1, 0), (2, 1)]


def test_a_metric_without_samples_has_no_time_line(build_test: Callable[..., TestResult]) -> None:
    assert timeline(build_test(), ["never"]) is None
    assert timeline(build_test(timeline=[]), ["iteration"]) is None


def test_stages_are_marked_where_they_were() -> None:
    line = timeline(spike_test(), ["POST /api/call"])
    assert line is not None
    assert [(stage.text, stage.kind) for stage in line.stages] == [
        ("before the spike", "PASS"),
        ("spike", "FAIL"),
        ("after the spike", "PASS"),
    ]
    assert line.stages[1].at == pytest.approx(100 * 11 / 30)
    assert line.stages[1].span == pytest.approx(100 * 8 / 30)


# --- distributions


def test_the_curve_tells_the_model_s_percentiles(build_target: Callable[..., TargetResult]) -> None:
    found = metric(48, 1000, seed=3)
    shown = distribution("m", found, [build_target(metric="m", limit=60.0)])
    assert shown is not None
    told = {row.percent: row.ms for row in shown.percentiles}
    assert (told[50], told[90], told[95], told[99], told[99.9]) == (
        found.p50_ms,
        found.p90_ms,
        found.p95_ms,
        found.p99_ms,
        found.p999_ms,
    )
    assert 99.99 not in told  # 1000 samples cannot tell it
    assert {row.percent: row.at for row in shown.percentiles}[90] == 333  # 1 / (1 - p) of 10, of 1000
    drawn = points_of(shapes(shown.curve)["p95"].get("d") or "")
    assert drawn[0][0] == 0
    assert drawn[-1][0] == 1000
    assert drawn == sorted(drawn, key=lambda point: (point[0], -point[1]))  # never falls


def test_the_curve_ends_where_answers_never_came() -> None:
    found = metric(48, 90, censored=10)
    shown = distribution("m", found, [])
    assert shown is not None
    assert shown.unanswered == 10
    last = points_of(shapes(shown.curve)["p95"].get("d") or "")[-1]
    assert last[0] == 500  # p90 of 100
    assert [row.ms is None for row in shown.percentiles if row.percent > 90] == [True] * 4


def test_every_sample_is_in_one_bar() -> None:
    samples = Histogram()
    recorded = {100: 7, 1000: 7, 20_000: 50, 30_000: 60, 9_000_000: 3}
    for us, times in recorded.items():
        samples.record(us, times)
    shown = distribution("m", encoded(samples), [])
    assert shown is not None
    assert shown.logarithmic
    assert len(shown.bars) == BARS
    assert sum(bar.samples for bar in shown.bars) == 127
    for us, times in recorded.items():
        around = [
            bar.samples for bar in shown.bars if bar.begin_ms <= 1.001 * us / 1000 and us / 1000 <= 1.001 * bar.end_ms
        ]
        assert times in around, us


def encoded(samples: Histogram) -> MetricResult:
    return MetricResult(samples.count, 0, 0, *[None] * 8, {}, samples.encode())


@pytest.mark.parametrize("us", [0, 1, 48_000, 3_600_000_000])
def test_equal_samples_can_be_drawn(us: int) -> None:
    samples = Histogram()
    samples.record(us, 9)
    shown = distribution("m", encoded(samples), [])
    assert shown is not None
    assert sum(bar.samples for bar in shown.bars) == 9


def test_few_samples_are_no_distribution() -> None:
    assert distribution("m", NOTHING, []) is None
    assert distribution("m", metric(10, 4), []) is None


def test_limits_are_drawn_where_they_hold(build_target: Callable[..., TargetResult]) -> None:
    limits = [
        build_target(metric="m", name="p95", limit=100.0),
        build_target(metric="m", name="p999", limit=9000.0),
        build_target(metric="m", name="max", kind=Kind.MAXIMUM, limit=100.0),
        build_target(metric="other", name="p50", limit=10.0),
    ]
    shown = distribution("m", metric(48, 1000, seed=3), limits)
    assert shown is not None
    assert [mark.text for mark in shown.limit_marks] == ["p95 limit"]
    assert [(limit.name, limit.fraction, limit.ms) for limit in shown.far] == [("p999", 0.999, 9000.0)]
    assert number(shapes(shown.curve)["bad"], "width") == 434  # log 20 / log 1000


# --- stages


def test_levels_stand_by_their_users() -> None:
    (drawing,) = levels(capacity_test())
    assert drawing.by_users
    assert [(mark.text, round(mark.at)) for mark in drawing.names] == [
        ("10", 28),
        ("20", 50),
        ("30", 72),
        ("35", 83),
        ("40", 94),
    ]
    verdicts = {level.words.split(":")[0]: level.verdict for level in drawing.levels}
    assert verdicts["35 users"] == "INCONCLUSIVE"
    by_users = sorted(drawing.levels, key=lambda level: level.left)
    assert [level.top for level in by_users] == sorted((level.top for level in by_users), reverse=True)


def test_the_limit_of_a_search_is_that_of_its_levels() -> None:
    search = capacity_test(targets=[])
    line = timeline(search, ["POST /api/call"])
    assert line is not None
    assert line.plots[0].has_limit
    assert [target.limit for target in latency_targets(search)] == [150.0]


def test_a_spike_stands_in_its_order() -> None:
    (drawing,) = levels(spike_test())
    assert not drawing.by_users
    assert [mark.text for mark in drawing.names] == ["before the spike", "spike", "after the spike"]


def test_a_test_without_stages_has_no_levels(build_test: Callable[..., TestResult]) -> None:
    assert levels(build_test()) == []


# --- conversations


def test_the_wait_is_parted_into_making_sure_and_the_rest() -> None:
    typical, slow = waterfalls(flow_test())
    greeting, first, *_ = typical.turns
    assert greeting.wait_ms == 310
    assert first.wait_ms == 371
    bar = shapes(first.svg)  # the call lasts 21.9 s
    assert number(bar["caller"], "x") == round(2800 / 21.9)
    assert number(bar["endpointing"], "x") == round(5200 / 21.9)
    assert number(bar["wait"], "x") == round(5400 / 21.9)
    assert number(bar["agent"], "x") == round(5571 / 21.9)
    waits = shapes(first.wait)  # the longest wait of both calls is 905 ms
    assert number(waits["endpointing"], "width") == round(200 / 0.905)
    assert waits["limit"].get("d") == f"M{round(700 / 0.905)} 0V1000"
    assert number(shapes(slow.turns[2].wait)["wait"], "x") + number(shapes(slow.turns[2].wait)["wait"], "width") == 1000


def test_no_answer_is_no_wait_of_zero() -> None:
    lost = waterfalls(flow_test())[1].turns[3]
    assert (lost.wait_ms, lost.wait) == (None, "")
    assert set(shapes(lost.svg)) == {"", "call", "caller"}
