"""The run as one page: no network, no script, readable on a phone, in the dark and by a screen reader.

Only the sound and the pictures of calls that were written down lie in files beside it.

Every text of others is escaped (Jinja's autoescape), and a content security policy forbids whatever would slip through.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from pytest_rtmedload.report import formats, story, svg
from pytest_rtmedload.report.csv_report import metric_rate
from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.names import ITERATION

if TYPE_CHECKING:
    from pytest_rtmedload.results.model import MetricResult, RunResult, TestResult

_MOST_TIMELINES = 4
"""Time lines per test: its own metric, those with a latency target, and the iterations when some failed."""


def page(run: RunResult) -> str:
    """The whole page as text."""
    template = _environment().get_template("report.html.j2")
    tests = story.by_verdict(run.tests)
    return template.render(run=run, tests=tests, why=story.why(run), Verdict=Verdict)


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pytest_rtmedload.report"),
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
        story=story,
        formats=formats,
        target_drawing=svg.target_drawing,
        timelines=_timelines,
        metric_rows=_metric_rows,
        metric_rate=metric_rate,
        bounds_text=_bounds_text,
    )
    return environment


def _timelines(test: TestResult) -> list[svg.Timeline]:
    latency_targets = [target.metric for target in test.targets if target.unit == "ms"]
    failures = [ITERATION] if test.failed + test.censored else []
    names = list(dict.fromkeys([test.metric, *latency_targets, *failures]))
    found = (svg.timeline(test, name) for name in names)
    return [line for line in found if line is not None][:_MOST_TIMELINES]


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
