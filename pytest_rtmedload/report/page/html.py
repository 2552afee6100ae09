"""The run as one page: no network, readable without script, on a phone, in the dark, on paper and by a screen reader.

Only the sound and the pictures of calls that were written down lie in files next to it. Every external text is escaped
(Jinja's autoescape), and a content security policy blocks anything not escaped: the only script allowed is this
package's own, identified by its hash, and it only reads the tables.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from importlib import resources
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from pytest_rtmedload.report import advice, phrases
from pytest_rtmedload.report.csv_report import metric_rate
from pytest_rtmedload.report.page.drawings.conversation import waterfalls
from pytest_rtmedload.report.page.drawings.distribution import Distribution, distribution
from pytest_rtmedload.report.page.drawings.stages import latency_targets, levels
from pytest_rtmedload.report.page.drawings.targets import target_drawing
from pytest_rtmedload.report.page.drawings.timeline import Timeline, timeline
from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from pytest_rtmedload.results.details import SlowOperation
    from pytest_rtmedload.results.model import MetricResult, RunResult, TestResult

MOST_METRICS: Final = 4
"""Metrics drawn over time; the others stand in the table of metrics."""
MOST_DISTRIBUTIONS: Final = 3
MOST_ROWS: Final = 300
"""Seconds of a test that are drawn one by one."""
FEWEST_ROWS: Final = 60
ALL_ROWS: Final = 6000
"""Of all time lines together: they are most of the page, which has to stay below 2 MB."""


def page(run: RunResult) -> str:
    """The whole page as text."""
    template = _environment().get_template("report.html.j2")
    tests = phrases.in_order(run.tests)
    script = _script()
    return template.render(
        run=run,
        tests=tests,
        numbers={test.nodeid: number for number, test in reversed(list(enumerate(tests, 1)))},
        why=phrases.why(run),
        next_steps=advice.next_steps(run),
        most_rows=max(FEWEST_ROWS, min(MOST_ROWS, ALL_ROWS // max(len(tests), 1))),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        Verdict=Verdict,
        INVALID_MEANS=phrases.INVALID_MEANS,
    )


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pytest_rtmedload.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        ms=formats.milliseconds,
        num=formats.number,
        line=formats.one_line,
        seconds=formats.seconds,
        percent=formats.percent,
        lines=lambda text: "\n".join(formats.printable(text)),
        whole=lambda n: f"{n:,}",
    )
    environment.globals.update(
        story=phrases,
        formats=formats,
        advice_of=advice.of_test,
        target_drawing=target_drawing,
        timeline=_timeline,
        distributions=_distributions,
        levels=levels,
        waterfalls=waterfalls,
        slowest=_slowest,
        tape_numbers=_tape_numbers,
        main_metric=lambda test: _drawn(test)[0],
        main_limit=_main_limit,
        metric_rows=_metric_rows,
        metric_rate=metric_rate,
        bounds_text=_bounds_text,
    )
    return environment


@functools.cache
def _script() -> str:
    return resources.files("pytest_rtmedload.report.page").joinpath("templates", "readout.js").read_text("utf-8")


def _drawn(test: TestResult) -> list[str]:
    """What a test is about, most pressing first: judged latencies, its own, iterations if some failed."""
    judged = [target.metric for target in phrases.by_verdict(latency_targets(test)) if target.metric]
    failures = [ITERATION] if test.failed + test.censored else []
    return list(dict.fromkeys([*judged, test.metric, *failures]))


def _timeline(test: TestResult, most_rows: int) -> Timeline | None:
    return timeline(test, _drawn(test)[:MOST_METRICS], most_rows)


def _distributions(test: TestResult) -> list[Distribution]:
    known = [name for name in _drawn(test) if name in test.metrics][:MOST_DISTRIBUTIONS]
    found = (distribution(name, test.metrics[name], test.targets) for name in known)
    return [shown for shown in found if shown is not None]


def _slowest(test: TestResult) -> list[tuple[str, list[SlowOperation]]]:
    """By metric; those that are judged first."""
    groups: dict[str, list[SlowOperation]] = {name: [] for name in _drawn(test)}
    for operation in test.slowest:
        groups.setdefault(operation.metric, []).append(operation)
    return [(metric, operations) for metric, operations in groups.items() if operations]


def _tape_numbers(test: TestResult) -> dict[str, int]:
    """Id of a call → which of the recorded calls it is."""
    return {tape.call: number for number, tape in enumerate(test.recordings, 1) if tape.call}


def _main_limit(test: TestResult) -> str:
    """The most pressing latency limit of the metric the overview shows: `p95 ≤ 150`."""
    own = [target for target in latency_targets(test) if target.metric == _drawn(test)[0]]
    if not own:
        return formats.NOTHING
    worst = phrases.by_verdict(own)[0]
    return f"{worst.name} ≤ {formats.number(worst.limit)}{'' if worst in test.targets else ', by stage'}"


def _metric_rows(test: TestResult) -> list[tuple[str, str, MetricResult]]:
    """Tag, name and distribution; the rows over all tags first."""
    rows = {"": test.metrics, **test.tags}
    return [(tag, name, metric) for tag, metrics in rows.items() for name, metric in metrics.items()]


def _bounds_text(metric: MetricResult, percentile: str) -> str:
    """What stands in the tooltip of a percentile."""
    low, high = metric.bounds_ms.get(percentile, (None, None))
    if low is None and high is None:
        return "too few samples for 95 % bounds"
    return f"95 % bounds: {formats.number(low)} to {'any' if high is None else formats.number(high)} ms"
