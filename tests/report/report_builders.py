"""Tests and runs as they come out of the tool, to be changed where a test wants something else."""

from __future__ import annotations

import dataclasses
import functools
import math
import random
from typing import Any

from pytest_rtmedload.results.details import ErrorResult, LagCause, LagResult
from pytest_rtmedload.results.histogram import Histogram
from pytest_rtmedload.results.model import (
    AgentInfo,
    CriterionResult,
    GeneratorResult,
    Kind,
    MetricResult,
    RunInfo,
    RunResult,
    Summary,
    TargetResult,
    TestResult,
    TimelineMetric,
    TimelinePoint,
    ValueResult,
    Verdict,
)
from pytest_rtmedload.results.outcomes import RunEnd
from pytest_rtmedload.verdict.outcomes import join
from pytest_rtmedload.verdict.run import verdict_of

NOTHING = MetricResult(0, 0, 0, None, None, None, None, None, None, None, None, {}, Histogram().encode())
HEALTHY = GeneratorResult(Verdict.PASS, 0.2, 1.4, 3.1, 41.5, 2.2, 0, 0, 1.0, [])
TRACEBACK = """Traceback (most recent call last):
  File "tests/load/api/test_calls.py", line 12, in test_start_call
    response.raise_for_status()
StatusError: 503 Service Unavailable"""


@functools.cache
def metric(middle_ms: float, n: int = 1200, failed: int = 0, censored: int = 0, seed: int = 1) -> MetricResult:
    draw = random.Random(seed)
    histogram = Histogram()
    for _ in range(min(n, 2000)):
        histogram.record(int(1000 * middle_ms * draw.lognormvariate(0, 0.35)))

    def at(fraction: float) -> float:
        return (histogram.percentile(fraction) or 0) / 1000

    mean = histogram.mean_us or 0.0
    names = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
    bounds: dict[str, tuple[float | None, float | None]] = {
        name: (at(f) * 0.96, at(f) * 1.05) for name, f in names.items()
    }
    bounds["p999"] = (at(0.999) * 0.9, None)
    return MetricResult(
        count=n,
        failed=failed,
        censored=censored,
        min_ms=histogram.min_us / 1000,
        mean_ms=mean / 1000,
        p50_ms=at(0.5),
        p90_ms=at(0.9),
        p95_ms=at(0.95),
        p99_ms=at(0.99),
        p999_ms=at(0.999),
        max_ms=histogram.max_us / 1000,
        bounds_ms=bounds,
        histogram=histogram.encode(),
    )


def target(
    verdict: Verdict = Verdict.PASS, limit: float = 150.0, value: float | None = 82.0, **changes: Any
) -> TargetResult:
    sign = "≤" if value is None or value <= limit else ">"
    low, high = (None, None) if value is None else (value * 0.94, value * 1.07)
    shown = TargetResult(
        metric="POST /api/call",
        name="p95",
        kind=Kind.LATENCY,
        unit="ms",
        limit=limit,
        value=value,
        bounds=None if value is None else (low, high),
        n=1200,
        k=38,
        needed=None,
        needed_s=None,
        verdict=verdict,
        leaning=None,
        text=f"POST /api/call p95 {value or '-'} ms {sign} {limit:g} ms "
        f"(95 % bounds {low or 0:.0f}–{high or 0:.0f}, n = 1200) {verdict}",
    )
    return dataclasses.replace(shown, **changes)


def error_target(verdict: Verdict = Verdict.PASS, value: float = 0.0, k: int = 0) -> TargetResult:
    return target(
        verdict,
        metric="",
        name="errors",
        kind=Kind.ERRORS,
        unit="%",
        limit=0.05,
        value=value,
        bounds=(max(0.0, value * 0.7), value * 1.4 + 0.002),
        k=k,
        text=f"errors {100 * value:.1f} % of 5 % (n = 1200) {verdict}",
    )


def timeline(
    seconds: int, metrics: dict[str, float], users: int = 10, failing: range = range(0)
) -> list[TimelinePoint]:
    draw = random.Random(seconds)
    points = []
    for second in range(seconds):
        phase = "ramp" if second < seconds // 10 else "warmup" if second < seconds // 5 else "measure"
        active = users if second >= seconds // 10 else max(1, users * second * 10 // seconds)
        now = {}
        for name, middle in metrics.items():
            p50 = middle * draw.uniform(0.9, 1.1) * (2.2 if second in failing else 1)
            p95 = p50 * draw.uniform(1.6, 2.1)
            bad = draw.randrange(3, 12) if second in failing else 0
            now[name] = TimelineMetric(draw.randrange(280, 330), bad, bad // 3, p50, p95, p95 * 1.4, p95 * 2)
        points.append(TimelinePoint(second, phase, active, now))
    return points


def make_test(nodeid: str = "tests/load/api/test_health.py::test_health", **changes: Any) -> TestResult:
    seconds = 20
    test = TestResult(
        nodeid=nodeid,
        group="api",
        critical=False,
        negative=False,
        evidence="provisional",
        model="closed",
        metric="iteration",
        verdict=Verdict.PASS,
        reasons=[],
        failed_test=False,
        complete=True,
        users=10,
        shards=1,
        duration_s=16.0,
        started_s=1.5,
        phases={"ramp": (0.0, 2.0), "warmup": (2.0, 4.0), "measure": (4.0, 20.0)},
        iterations=1200,
        failed=0,
        failed_alone=0,
        censored=0,
        rate=312.4,
        saturated=False,
        metrics={"iteration": metric(52), "POST /api/call": metric(48, seed=2), "http.connect": metric(0.41, 10)},
        values={},
        counts={},
        tags={},
        targets=[target(), error_target()],
        errors=[],
        generator=HEALTHY,
        timeline=timeline(seconds, {"iteration": 52, "POST /api/call": 48}),
        notes=[],
    )
    return dataclasses.replace(test, **changes)


def make_run(tests: list[TestResult], **changes: Any) -> RunResult:
    counted = {v: sum(test.verdict is v and not test.superseded for test in tests) for v in Verdict}
    worst = next((v for v in (Verdict.FAIL, Verdict.INVALID, Verdict.INCONCLUSIVE) if counted[v]), Verdict.PASS)
    summary = Summary(
        verdict=worst,
        success_rate=100.0 if worst is Verdict.PASS else 99.21,
        tests=len(tests),
        passed=counted[Verdict.PASS],
        failed=counted[Verdict.FAIL],
        inconclusive=counted[Verdict.INCONCLUSIVE],
        invalid=counted[Verdict.INVALID],
        requests=12_345,
        errors=0 if worst is Verdict.PASS else 98,
        duration_s=225.3,
        complete=True,
        reasons=verdict_of(*join(tests, ()), criteria(), RunEnd(), strict=False, complete=True)[1],
    )
    run = RunInfo(
        started="2026-03-01T09:30:00+01:00",
        suite="quick",
        agent=AgentInfo(
            "http://127.0.0.1:40123", "rtmedagent", embedded=True, details={"faults": "none", "sessions": "valkey 9.1"}
        ),
        seed=20260301,
        versions={"python": "3.13.2", "pytest": "9.0.0", "pytest-rtmedload": "0.1.0"},
        machine={"system": "Linux", "cpus": "2"},
        command="-m load --suite quick --load-header 'Authorization: ***'",
    )
    shown, outcomes = join(tests, changes.get("outcomes", ()))
    whole = RunResult(summary=summary, run=run, criteria=criteria(), tests=shown, outcomes=outcomes)
    if "criteria" in changes or "outcomes" in changes:
        reasons = verdict_of(
            shown, outcomes, changes.get("criteria", criteria()), RunEnd(), strict=False, complete=True
        )
        whole = dataclasses.replace(whole, summary=dataclasses.replace(summary, reasons=reasons[1]))
    return dataclasses.replace(whole, **{k: v for k, v in changes.items() if k != "outcomes"})


def criterion(name: str, kind: str = "goal", verdict: Verdict = Verdict.PASS, text: str = "") -> CriterionResult:
    return CriterionResult(name, kind, 99.21, 95.0, "%", 12_345, verdict, text or f"{name} 99.2 % ≥ 95 % {verdict}")


def criteria() -> list[CriterionResult]:
    return [criterion("overall success"), criterion("success", "limit"), criterion("API P95")]


def failing_test() -> TestResult:
    bad = target(Verdict.FAIL, value=181.0, bounds=(170.2, 193.4))
    return make_test(
        "tests/load/api/test_calls.py::test_start_call",
        critical=True,
        verdict=Verdict.FAIL,
        failed_test=True,
        reasons=[bad.text],
        failed=98,
        censored=3,
        metrics={"iteration": metric(102, 1099, 98, 3), "POST /api/call": metric(95, 1099, 98, 3, seed=4)},
        tags={"chest pain": {"iteration": metric(110, 400, 40, seed=5)}},
        values={"stt.wer": ValueResult("", 300, 0.08, 0.0, 0.4), "cosmos.ru": ValueResult("RU", 1200, 5.9, 1.0, 22.5)},
        counts={"retries": 17},
        targets=[target(value=None, metric="POST /api/call", name="p99", verdict=Verdict.PASS), bad, error_target()],
        errors=[
            ErrorResult("StatusError: 503 Service Unavailable", 89, TRACEBACK),
            ErrorResult("TimeoutError: no answer within 10 s", 12, ""),
        ],
        timeline=timeline(20, {"iteration": 70, "POST /api/call": 66}, failing=range(12, 16)),
    )


def inconclusive_test(**changes: Any) -> TestResult:
    thin = target(
        Verdict.INCONCLUSIVE,
        metric="voice.loop",
        limit=700.0,
        value=641.0,
        bounds=(598.0, None),
        n=42,
        k=1,
        needed=17,
        needed_s=24.3,
        leaning="pass",
        text="voice.loop p95 641 ms ≤ 700 ms (95 % bounds ≥ 598, n = 42; 17 more samples, about 24 s) "
        "INCONCLUSIVE, leaning pass",
    )
    test = make_test(
        "tests/load/flows/test_mix.py::test_mix[chest_pain-breathing_difficulty-severe_allergic_reaction]",
        group="flows",
        metric="voice.loop",
        verdict=Verdict.INCONCLUSIVE,
        reasons=[thin.text],
        users=3,
        rate=0.7,
        metrics={"iteration": metric(18_000, 42), "voice.loop": metric(470, 42, seed=7)},
        targets=[thin],
        timeline=timeline(60, {"voice.loop": 470}, users=3),
        phases={"ramp": (0.0, 6.0), "warmup": (6.0, 12.0), "measure": (12.0, 60.0)},
        duration_s=48.0,
        notes=["assumes independent samples: too few calls to tell"],
    )
    return dataclasses.replace(test, **changes)


def invalid_test() -> TestResult:
    reason = "the load generator lagged 42 ms (p99) for 11 % of the measured time: fewer users, or -n"
    text = "3.1 of 4 s of lag because the load generator waited for a processor"
    causes = [LagCause("processor", "", 3100.0), LagCause("body", "test_messages (test_realtime.py:9)", 900.0)]
    lag = LagResult(4000.0, None, "processor", text, "use fewer users", causes, 2, 1.0, 0.4)
    sick = GeneratorResult(Verdict.INVALID, 9.0, 42.0, 130.0, 99.7, 81.0, 212, 4, 0.91, [reason], lag=lag)
    return make_test(
        "tests/load/ws/test_realtime.py::test_messages",
        verdict=Verdict.INVALID,
        failed_test=True,
        reasons=[reason],
        generator=sick,
        saturated=True,
        shards=2,
        model="open",
        users=500,
    )


def bare_test(**changes: Any) -> TestResult:
    """Nothing was measured: every value that may be None is."""
    test = make_test(
        "tests/load/ws/test_relay.py::test_relay",
        verdict=Verdict.FAIL,
        failed_test=True,
        complete=False,
        reasons=["no samples"],
        duration_s=0.0,
        phases={},
        iterations=0,
        rate=None,
        metrics={"iteration": NOTHING},
        values={"stt.wer": ValueResult("", 0, None, None, None)},
        targets=[target(Verdict.FAIL, value=None, n=0, k=0, text="iteration p95: no samples FAIL")],
        generator=GeneratorResult(Verdict.PASS, None, None, None, None, 0.0, 0, 0, None, []),
        timeline=[],
    )
    return dataclasses.replace(test, **changes)


def hostile_test() -> TestResult:
    script = "<script>alert('x')</script>"
    return make_test(
        f'tests/load/test_x.py::test_{script}["&quot;\x07|é–日本\ud800]',
        group=script,
        metric=script,
        verdict=Verdict.FAIL,
        failed_test=True,
        reasons=[f"reason {script}", "two\nlines \x1b[31mred"],
        metrics={script: metric(10), "=1+1": metric(1)},
        tags={script: {script: metric(10)}},
        values={script: ValueResult("<b>", 1, math.nan, -math.inf, math.inf)},
        counts={script: 1},
        targets=[target(Verdict.FAIL, metric=script, value=math.nan, text=f"{script} p95 FAIL", bounds=(None, None))],
        errors=[ErrorResult(f"error {script} \x1b[2J\ud800", 2, f"</pre>{script}\x00\r\n\x1b[0m\tend")],
        timeline=timeline(5, {script: 10}),
        notes=[script, "x" * 300],
    )


def large_run() -> RunResult:
    """20 tests of 300 s with six metrics each, all of them judged."""
    middles = {
        "iteration": 520.0,
        "POST /api/call": 48.0,
        "GET /api/call/{id}": 30.0,
        "voice.loop": 450.0,
        "voice.greeting": 300.0,
        "llm.ttft": 200.0,
    }
    metrics = {name: metric(middle, 2000, seed=i) for i, (name, middle) in enumerate(middles.items())}
    targets = [target(metric=name, limit=2.2 * middle) for name, middle in middles.items()]
    line = timeline(300, middles, failing=range(100, 130))
    changes = {"timeline": line, "metrics": metrics, "targets": targets, "failed": 30}
    return make_run([make_test(f"tests/load/test_all.py::test_{i}", **changes) for i in range(20)])
