from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from pytest_rtmedload.report.page.html import page
from pytest_rtmedload.report.terminal.summary import summary_text
from tests.report.report_builders import timeline
from tests.report.report_details import capacity_test

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.results.model import RunResult, TestResult

VOID = {"meta", "link", "br", "img", "input"}
OPTIONAL_END = {"td", "tr", "th"}


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


def test_page_needs_no_network_and_runs_one_script(any_run: RunResult) -> None:
    text = page(any_run)
    shown = Page(text)
    assert not shown.tags & {"iframe", "object", "embed", "form", "base", "input"}
    beside = {
        link for test in any_run.tests for tape in test.recordings for link in (tape.wav, tape.picture, tape.moments)
    }
    assert {link for link in shown.values("href") if not link.startswith(("#", "data:"))} == beside
    assert set(shown.values("src")) <= beside
    assert not re.search(r"url\(|@import|javascript:|fetch\(|XMLHttp", text)
    assert text.count("<script") == 1


def test_policy_names_the_script_by_its_hash(green: RunResult) -> None:
    text = page(green)
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)[0]
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{digest}'; ")


def test_text_of_others_is_escaped(hostile: RunResult) -> None:
    text = page(hostile)
    assert "<script>alert" not in text
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
    drawn = '<p class="plot-name">iteration</p>'
    assert drawn in page(build_run([other]))
    assert drawn not in page(build_run([dataclasses.replace(other, failed=0, censored=0)]))


def test_what_to_do_next_stands_before_the_numbers(failing: RunResult) -> None:
    shown = Page(page(failing)).text
    assert shown.index("What to do next") < shown.index("Success") < shown.index("Criteria of the whole run")
    assert "--load-duration 80s" in shown


def test_the_overview_shows_the_most_pressing_limit(build_run: Callable[..., RunResult], failing: RunResult) -> None:
    row = re.findall(r"<tr>.*?</tr>", page(build_run([failing.tests[3]])), re.DOTALL)
    overview = next(cells for cells in row if "#test-1" in cells)
    assert '<td class="word">POST /api/call</td>' in overview  # the target's metric, not the test's own
    assert "<td>p95 ≤ 150</td>" in overview


def test_a_limit_that_only_stages_have_is_told_as_theirs(build_run: Callable[..., RunResult]) -> None:
    found = "capacity: proved up to 30 users, missed at 35"
    text = page(build_run([capacity_test(targets=[], notes=[found])]))
    assert "<td>p95 ≤ 150, by stage</td>" in text
    assert text.count(found) == 1


def test_a_slow_call_leads_to_its_recording(calls: RunResult) -> None:
    text = page(calls)
    assert text.count('call-8842 <a href="#call-1-1">listen</a>') == 3  # slowest of two metrics, and the example
    assert '<figure class="call" id="call-1-1">' in text
    assert "call-8817 <a" not in text
    assert 'src="calls/8842.wav"' in text


def test_neighbours_are_linked_where_they_are_on_the_page(calls: RunResult) -> None:
    assert re.search(
        r'at the same time: <a href="#test-2">test_health.py::test_health</a>, gone.py::test_gone<', page(calls)
    )


def test_stages_capacity_and_drift_are_told(stages: RunResult) -> None:
    shown = Page(page(stages)).text
    for said in (
        "spike(50, 10s)",
        "before the spike",
        "capacity: proved up to 30 users, missed at 35",
        "slower POST /api/call p95 rose from 70 ms to 91 ms",
        "POST /api/call p95 210 ms FAIL",
    ):
        assert said in shown, said


def test_a_conversation_shows_what_was_said(calls: RunResult) -> None:
    shown = Page(page(calls)).text
    for said in (
        "caller It began an hour ago",
        "agent Does it spread to your arm",
        "371 ms (200 making sure)",
        "no answer came",
    ):
        assert said in shown, said


def test_only_what_was_measured_has_a_heading(
    build_run: Callable[..., RunResult], build_test: Callable[..., TestResult]
) -> None:
    shown = Page(page(build_run([build_test()]))).text
    for heading in (
        "Stages",
        "Levels of load",
        "Slowest operations",
        "Example calls",
        "Errors\n",
        "at the same time",
        "Calls to",
    ):
        assert heading not in shown.partition("Tests\n")[2], heading


def test_page_of_a_quick_run_is_small(failing: RunResult) -> None:
    tests = failing.tests * 5
    assert len(page(dataclasses.replace(failing, tests=tests)).encode()) < 500_000


def test_the_page_of_a_long_run_is_below_2_mb(large: RunResult) -> None:
    text = page(large)
    assert len(text.encode()) < 2_000_000
    assert text.count('<section class="card test') == 20
    assert text.count("<td>measure<") == 20 * 240  # second by second


def test_seconds_are_drawn_in_stretches_where_there_are_many_tests(
    build_run: Callable[..., RunResult], build_test: Callable[..., TestResult]
) -> None:
    long = build_test(timeline=timeline(200, {"iteration": 50.0}), metrics={}, targets=[])
    text = page(build_run([long] * 50))  # 6000 rows for all of them
    assert text.count("<td>100–101<td>measure<") == 50
    assert text.count("<td>measure<") == 50 * 80
