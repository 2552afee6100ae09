from __future__ import annotations

import dataclasses
import re
import time
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from pytest_rtmedload.report import svg
from pytest_rtmedload.report.html import page
from pytest_rtmedload.report.text import summary_text
from pytest_rtmedload.results.model import Kind, TimelineMetric, TimelinePoint, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.results.model import RunResult, TargetResult, TestResult

VOID = {"meta", "link", "br"}
OPTIONAL_END = {"td", "tr"}


class Page(HTMLParser):
    """Text, tags and ids of a page; notes what is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID | OPTIONAL_END:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        if tag not in OPTIONAL_END:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str]:
        return [value or "" for key, value in self.attributes if key == name]


def test_every_run_has_a_well_formed_page(any_run: RunResult) -> None:
    shown = Page(page(any_run))
    assert shown.open == []
    ids = shown.values("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in shown.values("href") if link.startswith("#")} <= set(ids)


def test_page_needs_no_network_and_no_script(any_run: RunResult) -> None:
    text = page(any_run)
    shown = Page(text)
    assert not shown.tags & {"script", "img", "iframe", "object", "embed", "form", "base"}
    assert all(link.startswith(("#", "data:")) for link in shown.values("href"))
    assert not shown.values("src")
    assert not re.search(r"url\(|@import", text)
    assert "default-src 'none'" in text


def test_text_of_others_is_escaped(hostile: RunResult) -> None:
    text = page(hostile)
    assert "<script>" not in text
    assert "<i>quick" not in text
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in text
    assert "\x1b" not in text
    assert "\x00" not in text


def test_page_says_what_the_summary_says(failing: RunResult) -> None:
    shown = Page(page(failing)).text
    for said in (
        "Load test FAIL",
        "99.2 %",
        "12,345",
        "1 of 4 tests failed: test_calls.py::test_start_call",
        "goal: API p95 181 ms > 150 ms FAIL",
        "POST /api/call p95 181.0 ms > 150 ms (95 % bounds 170–194, n = 1200) FAIL",
        "89 × StatusError: 503 Service Unavailable",
        "response.raise_for_status()",
        "assumes independent samples",
        "lag p99 1.4 ms",
        "20260301",
        "valkey 9.1",
    ):
        assert said in shown, said
    assert shown.index("test_start_call") < shown.index("test_health")


def test_a_stand_in_is_called_one(green: RunResult) -> None:
    assert "Embedded agent: a stand-in." in page(green)
    agent = dataclasses.replace(green.run.agent, embedded=False)
    remote = dataclasses.replace(green, run=dataclasses.replace(green.run, agent=agent))
    assert "stand-in" not in page(remote)
    assert "stand-in" not in summary_text(remote)


def test_a_partial_page_says_so(partial: RunResult, green: RunResult) -> None:
    assert "PARTIAL: the run was cut short" in page(partial)
    assert "PARTIAL" not in page(green)


def test_nothing_measured_is_a_dash_not_a_zero(nothing: RunResult) -> None:
    text = page(nothing)
    assert re.search(r"<td>iteration.*?<td>–<td>–", text.replace('<td class="word">', "<td>"), re.DOTALL)
    assert "None" not in text
    assert "nan" not in text


def test_iterations_that_failed_are_drawn(build_run: Callable[..., RunResult], failing: RunResult) -> None:
    other = dataclasses.replace(failing.tests[3], metric="POST /api/call")
    assert "iteration over time" in Page(page(build_run([other]))).text
    fine = dataclasses.replace(other, failed=0, censored=0)
    assert "iteration over time" not in Page(page(build_run([fine]))).text


def test_page_of_a_quick_run_is_small(failing: RunResult) -> None:
    tests = failing.tests * 5
    assert len(page(dataclasses.replace(failing, tests=tests)).encode()) < 500_000


def test_a_long_run_renders_in_time(large: RunResult) -> None:
    begin = time.process_time()
    text = page(large)
    assert time.process_time() - begin < 3
    assert text.count("<section") == 20


def shapes(drawing: str) -> dict[str, ET.Element]:
    return {element.get("class", ""): element for element in ET.fromstring(drawing)}  # noqa: S314 - our own


def number(element: ET.Element, name: str) -> float:
    return float(element.get(name) or "nan")


def test_target_drawing_is_to_scale(build_target: Callable[..., TargetResult]) -> None:
    drawing = svg.target_drawing(build_target(Verdict.FAIL, limit=100, value=160.0, bounds=(140.0, 200.0)))
    found = shapes(drawing.svg)  # the scale ends at 1.25 x 200 ms
    assert (number(found["bad"], "x"), number(found["bad"], "width")) == (400, 600)
    assert (number(found["bounds FAIL"], "x"), number(found["bounds FAIL"], "width")) == (560, 240)
    assert found["value"].get("d") == "M640 10V90"
    assert found["limit"].get("d") == "M400 0V100"
    assert drawing.marks == [svg.Mark(40.0, "limit 100 ms")]


def test_a_bound_that_does_not_exist_is_open(build_target: Callable[..., TargetResult]) -> None:
    found = shapes(svg.target_drawing(build_target(limit=100, value=80.0, bounds=(60.0, None))).svg)
    bar = found["bounds PASS"]
    assert number(bar, "x") + number(bar, "width") == 1000


def test_a_rate_is_forbidden_below_its_limit(build_target: Callable[..., TargetResult]) -> None:
    rate = build_target(name="min_rate", kind=Kind.RATE, unit="/s", limit=100.0, value=200.0, bounds=None)
    bad = shapes(svg.target_drawing(rate).svg)["bad"]
    assert (number(bad, "x"), number(bad, "width")) == (0, 400)


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_no_value_draws_only_the_limit(build_target: Callable[..., TargetResult], value: float | None) -> None:
    found = shapes(svg.target_drawing(build_target(value=value, bounds=(None, None), text="x")).svg)
    assert set(found) == {"", "bad", "limit"}  # "": the title


def test_a_limit_of_zero_can_be_drawn(build_target: Callable[..., TargetResult]) -> None:
    found = shapes(svg.target_drawing(build_target(limit=0.0, value=0.0, bounds=None, text="x")).svg)
    assert number(found["bad"], "width") == 1000


def seconds(*p95s: float | None, lost: int = 0) -> list[TimelinePoint]:
    return [
        TimelinePoint(i, "measure", 5, {"m": TimelineMetric(9, lost, 0, p95 and p95 / 2, p95, p95, p95)})
        for i, p95 in enumerate(p95s)
    ]


def test_time_line_has_gaps_where_nothing_was_measured(build_test: Callable[..., TestResult]) -> None:
    line = svg.timeline(build_test(timeline=seconds(40, 40, None, 20), targets=[], phases={}), "m")
    assert line is not None
    found = shapes(line.latency)  # the axis ends at 40 ms
    assert found["p95"].get("d") == "M125 0h0L375 0M875 50h0"
    assert found["p50"].get("d") == "M125 50h0L375 50M875 75h0"
    assert found["band"].get("d") == "M125 0L375 0L375 50L125 50Z"
    assert [(mark.at, mark.text) for mark in line.y_marks] == [
        (100, "0"),
        (75, "10"),
        (50, "20"),
        (25, "30"),
        (0, "40"),
    ]
    assert line.phases == [svg.Mark(0, "measure", 100)]
    assert [mark.text for mark in line.x_marks] == ["0 s", "1 s", "2 s", "3 s", "4 s"]


def test_limit_is_drawn_or_told(
    build_test: Callable[..., TestResult], build_target: Callable[..., TargetResult]
) -> None:
    near = svg.timeline(build_test(timeline=seconds(40), targets=[build_target(metric="m", limit=60.0)]), "m")
    far = svg.timeline(build_test(timeline=seconds(40), targets=[build_target(metric="m", limit=700.0)]), "m")
    assert near is not None
    assert far is not None
    assert ("limit" in shapes(near.latency), near.limit_note) == (True, "")
    assert ("limit" in shapes(far.latency), far.limit_note) == (False, "p95 limit 700 ms: above this drawing")


def test_errors_are_bars_and_absent_without_any(build_test: Callable[..., TestResult]) -> None:
    clean = svg.timeline(build_test(timeline=seconds(40)), "m")
    failing = svg.timeline(build_test(timeline=seconds(40, 40, lost=3)), "m")
    assert clean is not None
    assert failing is not None
    assert clean.errors == ""
    assert failing.most_errors == 3
    assert shapes(failing.errors)["errors"].get("d") == "M0 100H0V0H500V100H500V0H1000V100Z"


def test_tooltips_name_the_slowest_second(build_test: Callable[..., TestResult]) -> None:
    line = svg.timeline(build_test(timeline=seconds(*[10.0] * 299, 90.0)), "m")
    assert line is not None
    titles = re.findall(r"<title>(second [^<]*)", line.tooltips)
    assert len(titles) == 100
    assert titles[-1] == "second 299 (measure): p50 45 ms, p95 90 ms, 5 users, 9 done"


def test_a_metric_without_samples_has_no_time_line(build_test: Callable[..., TestResult]) -> None:
    assert svg.timeline(build_test(), "never") is None
    assert svg.timeline(build_test(timeline=[]), "iteration") is None


@pytest.mark.parametrize("highest", [0.003, 0.04, 1.0, 7.0, 99.0, 100.0, 101.0, 812.0, 40_000.0])
def test_axis_has_few_round_steps(highest: float) -> None:
    step, top = svg._scale(highest)
    assert highest <= top * (1 + 1e-9)
    assert top < highest * 2
    assert 2 <= round(top / step) <= 5
