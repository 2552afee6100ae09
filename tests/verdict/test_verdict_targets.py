"""Lines verbatim, and the rules that keep a target from being met by failing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rtmedload.results.model import Kind, TargetResult, Verdict
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import Evidence, Target
from pytest_rtmedload.results.recording import Clock, Outcome, Phase, Recording, ValueStats
from pytest_rtmedload.verdict.samples import Measured
from pytest_rtmedload.verdict.targets import judge_target
from tests.verdict.verdict_builders import HEALTH, Builder, errors, p, plan


def judged(target: Target, built: Builder | Recording, **changes: object) -> TargetResult:
    recording = built.recording if isinstance(built, Builder) else built
    return judge_target(target, Measured(plan(target, **changes), recording))


def ladder(n: int, low: float, high: float) -> list[float]:
    """n latencies, evenly from low to high."""
    return [low + (high - low) * i / (n - 1) for i in range(n)]


# --- lines ---------------------------------------------------------------------------------------------------------


def test_a_fail_in_one_line() -> None:
    found = judged(p("p95", 700, "voice.loop"), Builder().add("voice.loop", ladder(240, 400, 834)))
    assert found.text == "voice.loop p95 812 ms > 700 ms (95 % bounds 801–823, n = 240) FAIL"
    assert found.kind is Kind.LATENCY
    assert (found.unit, found.n, found.k, found.leaning, found.needed) == ("ms", 240, 74, None, None)


def test_a_pass_in_one_line() -> None:
    found = judged(p("p95", 150), Builder().add(HEALTH, ladder(2000, 5, 12.68)))
    assert found.text == "GET /health p95 12.3 ms ≤ 150 ms (95 % bounds 12.2–12.4, n = 2000) PASS"


def test_an_open_question_says_what_is_missing() -> None:
    built = Builder().add(HEALTH, ladder(80, 90, 98))
    found = judged(p("p99", 300), built, phases={Phase.MEASURE: (0.0, 1.8)})
    assert found.text == (
        "GET /health p99 98 ms ≤ 300 ms (95 % bounds ≥ 97.8, n = 80) INCONCLUSIVE, leaning pass: "
        "219 more samples, about 5 s"
    )
    assert (found.verdict, found.leaning, found.needed) == (Verdict.INCONCLUSIVE, "pass", 219)
    assert found.needed_s == pytest.approx(219 / 80 * 1.8)


def test_leaning_fail() -> None:
    found = judged(p("p95", 100), Builder().add(HEALTH, [50] * 47 + [120] * 3))
    assert found.text == (
        "GET /health p95 120 ms > 100 ms (95 % bounds ≥ 50, n = 50) INCONCLUSIVE, leaning fail: "
        "1381 more samples, about 277 s"
    )


def test_a_share_exactly_at_the_limit_is_too_close_to_tell() -> None:
    found = judged(p("p95", 100), Builder().add(HEALTH, [50] * 95 + [120] * 5))
    assert found.text.endswith("INCONCLUSIVE, leaning pass: too close to the limit to tell")
    assert found.needed is None


def test_one_sample_has_no_bounds() -> None:
    found = judged(p("p50", 100), Builder().add(HEALTH, [50]))
    assert "(no 95 % bounds, n = 1)" in found.text
    assert found.bounds == (None, None)


def test_a_percentile_among_the_censored_is_what_was_waited() -> None:
    built = Builder().add(HEALTH, [50] * 80).add(HEALTH, [5000] * 20, Outcome.CENSORED)
    found = judged(p("p95", 700), built)
    assert found.value is None
    assert found.bounds == (pytest.approx(5000, rel=1e-3), None)
    assert found.text == "GET /health p95 ≥ 5000 ms > 700 ms (95 % bounds ≥ 5000, n = 100) FAIL"


def test_censored_after_less_waiting_than_the_limit_still_fail() -> None:
    built = Builder().add(HEALTH, [50] * 80).add(HEALTH, [0] * 20, Outcome.CENSORED)
    found = judged(p("p95", 700), built)
    assert found.text == "GET /health p95 ≥ 50 ms, limit ≤ 700 ms (lower bound never answered, n = 100) FAIL"


def test_value_and_limit_never_look_equal_when_they_are_not() -> None:
    found = judged(p("p50", 150), Builder().add(HEALTH, [150.2] * 100))
    assert found.verdict is Verdict.FAIL
    assert found.text == "GET /health p50 150.1 ms > 150 ms (95 % bounds 150.1–150.1, n = 100) FAIL"
    found = judged(p("p50", 1249.5), Builder().add(HEALTH, [1248.6] * 100))
    assert "p50 1248 ms ≤ 1249.5 ms" in found.text


def test_point_evidence_says_so() -> None:
    found = judged(p("p95", 700), Builder().add(HEALTH, [50] * 3), evidence=Evidence.POINT)
    assert found.text == "GET /health p95 50 ms ≤ 700 ms (95 % bounds ≥ 50, n = 3, point estimate) PASS"


def test_smoke_does_not_judge_latency() -> None:
    found = judged(p("p95", 700), Builder().add(HEALTH, [9000]), evidence=Evidence.NONE)
    assert found.text == "GET /health p95 ≤ 700 ms: not judged (smoke) INCONCLUSIVE"


# --- duality -------------------------------------------------------------------------------------------------------


@given(
    st.integers(0, 2**32),
    st.sampled_from(["p50", "p90", "p95", "p99"]),
    st.sampled_from([1, 10, 25, 60]),
    st.sampled_from([0.0, 0.02, 0.3]),
)
@settings(max_examples=120, deadline=None)
def test_the_printed_bounds_are_dual_to_the_verdict(seed: int, name: str, seconds: int, censored: float) -> None:
    draw = random.Random(seed)
    built = Builder()
    n = draw.choice([3, 40, 70, 400])
    for second in range(seconds):
        level = draw.choice([10, 10, 10, 40])
        count = max(1, n // seconds)
        lost = sum(draw.random() < censored for _ in range(count))
        built.add(HEALTH, [level * draw.lognormvariate(0, 0.5) for _ in range(count)], second=second)
        built.add(HEALTH, [draw.choice([0.5, 5000])] * lost, Outcome.CENSORED, second=second)
    occupied = [b / 1000 for b in draw.sample(range(5_000, 90_000), 6)] + [draw.uniform(5, 40)]
    for limit in occupied:
        found = judged(p(name, limit), built)
        low, high = found.bounds or (None, None)
        unanswered = "never answered" in found.text
        assert (found.verdict is Verdict.PASS) == (high is not None and high <= limit)
        assert (found.verdict is Verdict.FAIL) == (unanswered or (low is not None and low > limit))
        point = judged(p(name, limit), built, evidence=Evidence.POINT)
        assert (point.verdict is Verdict.FAIL) == (point.value is None or point.value > limit)


@given(st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_a_stricter_limit_is_never_easier(seed: int) -> None:
    draw = random.Random(seed)
    built = Builder()
    for second in range(30):
        built.add(HEALTH, [draw.choice([1, 5]) * draw.lognormvariate(2, 0.4) for _ in range(20)], second=second)
    order = [Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS]
    verdicts = [order.index(judged(p("p95", limit), built).verdict) for limit in range(5, 120, 8)]
    assert verdicts == sorted(verdicts)


# --- clusters ------------------------------------------------------------------------------------------------------


def test_a_perfect_agent_passes_in_thirty_seconds() -> None:
    """The clustering is that of the percentile: no miss at the limit must not be worth less than one."""
    draw = random.Random(5)
    built = Builder()
    for second in range(30):
        built.add(HEALTH, [draw.uniform(10, 20) for _ in range(100)], second=second)
    found = judged(p("p95", 150), built)
    assert (found.verdict, found.k) == (Verdict.PASS, 0)
    built.add(HEALTH, [200], second=3)
    assert judged(p("p95", 150), built).verdict is Verdict.PASS


def test_misses_in_a_few_seconds_prove_less_than_the_same_misses_spread_out() -> None:
    spread, stalled = Builder(), Builder()
    for second in range(30):
        spread.add(HEALTH, [10] * 93 + [200] * 7, second=second)
        stalled.add(HEALTH, [10] * 100 if second >= 2 else [200] * 100, second=second)
    assert judged(p("p95", 150), spread).verdict is Verdict.FAIL
    assert judged(p("p95", 150), stalled).verdict is Verdict.INCONCLUSIVE


def test_fewer_than_twenty_seconds_are_taken_as_independent() -> None:
    stalled = Builder()
    for second in range(19):
        stalled.add(HEALTH, [10] * 100 if second >= 2 else [200] * 100, second=second)
    assert not Measured(plan(), stalled.recording).samples(HEALTH).clustered
    assert judged(p("p95", 150), stalled).verdict is Verdict.FAIL


def test_misses_of_every_second() -> None:
    built = Builder()
    built.add(HEALTH, [10, 20, 30], second=0).add(HEALTH, [20, 40], second=1, lagged=True)
    built.add(HEALTH, [40], second=1, tag="x").add(HEALTH, [9], Outcome.CENSORED, second=2)
    samples = Measured(plan(), built.recording).samples(HEALTH)
    buckets = sorted(samples.ok.counts)[:2]
    assert list(samples.misses(buckets)) == [[(2, 3), (3, 3), (1, 1)], [(1, 3), (2, 3), (1, 1)]]


# --- what must not help an agent -----------------------------------------------------------------------------------


def test_slow_failures_cannot_improve_a_percentile() -> None:
    fast, slow = [10] * 900, [5000] * 100
    answered = judged(p("p95", 150), Builder().add(HEALTH, [*fast, *slow]))
    given_up = judged(p("p95", 150), Builder().add(HEALTH, fast).add(HEALTH, [100] * 100, Outcome.CENSORED))
    assert answered.verdict is given_up.verdict is Verdict.FAIL
    assert given_up.k == 100


def test_timeouts_raise_the_percentile() -> None:
    answers = ladder(950, 10, 100)
    without = judged(p("p90", 1000), Builder().add(HEALTH, answers))
    built = Builder().add(HEALTH, answers).add(HEALTH, [2000] * 50, Outcome.CENSORED)
    with_timeouts = judged(p("p90", 1000), built)
    assert with_timeouts.value is not None
    assert without.value is not None
    assert with_timeouts.value > without.value


def test_fast_errors_are_no_latencies() -> None:
    built = Builder().add(HEALTH, [200] * 600).add(HEALTH, [1] * 400, Outcome.FAILED)
    found = judged(p("p50", 150), built)
    assert (found.n, found.verdict) == (600, Verdict.FAIL)


@pytest.mark.parametrize("n", [10, 100, 10_000])
@pytest.mark.parametrize("evidence", list(Evidence))
def test_forty_per_cent_errors_never_pass(n: int, evidence: Evidence) -> None:
    built = Builder().add(HEALTH, [1] * (6 * n // 10)).add(HEALTH, [1] * (4 * n // 10), Outcome.FAILED)
    assert judged(errors(0.05), built, evidence=evidence).verdict is Verdict.FAIL


def test_only_the_measured_phase_is_judged() -> None:
    built = Builder().add(HEALTH, [10] * 100)
    for phase in (Phase.SETUP, Phase.RAMP, Phase.WARMUP, Phase.COOLDOWN):
        built.add(HEALTH, [900] * 100, phase=phase).add(HEALTH, [1] * 100, Outcome.FAILED, phase=phase)
    assert judged(p("p95", 150), built).k == 0
    assert judged(errors(0.05), built).k == 0


def test_an_open_model_is_judged_from_the_intended_start() -> None:
    built = Builder().add(HEALTH, [10] * 100).add(HEALTH, [900] * 100, clock=Clock.RESPONSE)
    assert judged(p("p95", 150), built).verdict is Verdict.PASS
    assert judged(p("p95", 150), built, model="open").verdict is Verdict.FAIL


# --- nothing measured ----------------------------------------------------------------------------------------------


def test_a_metric_that_was_never_recorded_fails_and_names_those_that_were() -> None:
    built = Builder().add(ITERATION, [10]).add(HEALTH, [10])
    built.recording.values["stt.wer", ""] = ValueStats("", 1, 0.1, 0.1, 0.1)
    found = judged(p("p95", 700, "voice.lop"), built)
    assert found.text == "voice.lop p95 ≤ 700 ms: never recorded; recorded were iteration, GET /health, stt.wer FAIL"
    assert (found.n, found.value, found.bounds) == (0, None, None)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (p("p95", 700), "GET /health p95 ≤ 700 ms: no samples (3 failed) FAIL"),
        (p("max", 700), "GET /health max ≤ 700 ms: no samples (3 failed) FAIL"),
        (p("p95", 700, "warm"), "warm p95 ≤ 700 ms: no samples in the measured phase FAIL"),
        (errors(0.05, "warm"), "errors of warm ≤ 5 %: no samples in the measured phase FAIL"),
        (errors(0.05, "x"), "errors of x ≤ 5 %: never recorded; recorded were GET /health, warm FAIL"),
        (Target("", "min_rate", 5), "rate ≥ 5 /s: never recorded; recorded were GET /health, warm FAIL"),
        (p("mean_max", 0.1, "stt.wer"), "stt.wer mean ≤ 0.1: never recorded; recorded were GET /health, warm FAIL"),
    ],
)
def test_zero_samples_fail(target: Target, why: str) -> None:
    built = Builder().add(HEALTH, [1] * 3, Outcome.FAILED).add("warm", [1], phase=Phase.WARMUP)
    assert judged(target, built).text == why


def test_nothing_at_all() -> None:
    assert judged(errors(0.05), Builder()).text == "errors of operations ≤ 5 %: no samples FAIL"


def test_a_test_that_was_cut_short_before_its_first_sample_is_undecided() -> None:
    assert judged(p("p95", 700), Builder(), interrupted="Ctrl-C").verdict is Verdict.INCONCLUSIVE


def test_a_percentile_of_a_value_is_a_mistake() -> None:
    recording = Recording(values={("stt.wer", ""): ValueStats("", 1, 0.1, 0.1, 0.1)})
    found = judged(p("p95", 1, "stt.wer"), recording)
    assert (
        found.text == "stt.wer p95 ≤ 1 ms: not a time but a value; limits on it are mean_max, mean_min, max, min FAIL"
    )


def test_the_markers_metric_stands_in_for_a_missing_name() -> None:
    found = judged(Target("", "p50", 20), Builder().add(HEALTH, [10] * 9), metric=HEALTH)
    assert found.text == "GET /health p50 10 ms ≤ 20 ms (95 % bounds 10–10, n = 9) PASS"


# --- errors --------------------------------------------------------------------------------------------------------


def test_errors_of_operations() -> None:
    built = Builder().add(HEALTH, [10] * 1938).add(HEALTH, [10] * 42, Outcome.FAILED)
    built.add("GET /x", [10] * 20, Outcome.CENSORED).add(ITERATION, [10] * 2000)
    found = judged(errors(0.005), built)
    assert found.text == "errors of operations 3.1 % > 0.5 % (95 % bounds 2.49–3.82, n = 2000) FAIL"
    assert (found.unit, found.limit, found.value, found.k) == ("%", 0.005, 0.031, 62)
    assert found.bounds == (pytest.approx(0.0249, abs=1e-4), pytest.approx(0.0382, abs=1e-4))


def test_iterations_that_failed_for_their_own_reason_are_judged_too() -> None:
    built = Builder().add(HEALTH, [10] * 1000).add(ITERATION, [10] * 800).add(ITERATION, [10] * 200, Outcome.FAILED)
    found = judged(errors(0.05), built)
    assert found.text == "errors of iterations 20 % > 5 % (95 % bounds 17.9–22.2, n = 1000) FAIL"


def test_an_iteration_that_an_operation_ended_is_not_a_second_error() -> None:
    built = Builder().add(HEALTH, [10] * 970).add(HEALTH, [10] * 30, Outcome.FAILED)
    built.add(ITERATION, [10] * 20).add(ITERATION, [10] * 30, Outcome.ABORTED)
    found = judged(errors(0.05), built)
    assert (found.k, found.n, found.verdict) == (30, 1000, Verdict.PASS)
    built.add(ITERATION, [10], Outcome.CENSORED)
    found = judged(errors(0.01, ITERATION), built)
    assert (found.k, found.n) == (1, 51)


def test_few_iterations_without_an_error_of_their_own_do_not_hide_what_operations_prove() -> None:
    built = Builder().add(HEALTH, [10] * 1000).add(ITERATION, [10] * 30)
    found = judged(errors(0.005), built)
    assert found.text == "errors of operations 0 % ≤ 0.5 % (95 % bounds 0–0.299, n = 1000) PASS"


def test_without_operations_iterations_alone() -> None:
    found = judged(errors(0.05), Builder().add(ITERATION, [10] * 100))
    assert found.text == "errors of iterations 0 % ≤ 5 % (95 % bounds 0–2.95, n = 100) PASS"
    found = judged(errors(0.05), Builder().add(ITERATION, [10] * 20))
    assert found.text == (
        "errors of iterations 0 % ≤ 5 % (95 % bounds 0–13.9, n = 20) INCONCLUSIVE, leaning pass: "
        "39 more samples, about 20 s"
    )


@pytest.mark.parametrize(("failed", "verdict"), [(0, Verdict.PASS), (1, Verdict.FAIL)])
def test_a_limit_of_zero_is_observed(failed: int, verdict: Verdict) -> None:
    built = Builder().add(HEALTH, [10] * (2000 - failed)).add(HEALTH, [10] * failed, Outcome.FAILED)
    found = judged(errors(0), built)
    sign = ">" if failed else "≤"
    share = "0.05" if failed else "0"
    expected = f"errors of operations {share} % {sign} 0 % (observed, no inference, n = 2000) {verdict.value}"
    assert found.text == expected
    assert found.bounds is None


def test_errors_of_one_metric() -> None:
    built = Builder().add(HEALTH, [10] * 100).add("GET /x", [10] * 100, Outcome.FAILED)
    assert judged(errors(0.05, HEALTH), built).k == 0
    assert judged(errors(0.05, "GET /x"), built).text.startswith("errors of GET /x 100 % > 5 % (95 % bounds 97")


def test_smoke_judges_errors_by_the_point_estimate() -> None:
    built = Builder().add(HEALTH, [10])
    found = judged(errors(0.05), built, evidence=Evidence.NONE)
    assert found.text == "errors of operations 0 % ≤ 5 % (point estimate, n = 1) PASS"


# --- observations --------------------------------------------------------------------------------------------------


def test_the_maximum_is_observed() -> None:
    built = Builder().add(HEALTH, [10, 512])
    found = judged(p("max", 500), built)
    assert found.text == "GET /health max 512 ms > 500 ms (observed, n = 2) FAIL"
    assert (found.kind, found.value, found.k) == (Kind.MAXIMUM, 512, 1)
    assert judged(p("max", 512), built).verdict is Verdict.PASS
    built.add(HEALTH, [300], Outcome.CENSORED)
    assert judged(p("max", 600), built).text == "GET /health max ≥ 512 ms, limit ≤ 600 ms (observed, n = 3) FAIL"


def test_the_rate_counts_iterations_that_ended_well() -> None:
    built = Builder().add(ITERATION, [10] * 3100).add(ITERATION, [10] * 500, Outcome.FAILED)
    assert judged(Target("", "min_rate", 300), built).text == "rate 310 /s ≥ 300 /s (observed, n = 3100) PASS"
    assert judged(Target("", "min_rate", 311), built).text == "rate 310 /s < 311 /s (observed, n = 3100) FAIL"
    found = judged(Target("", "min_rate", 310.5), built, saturated=True)
    assert found.text == "rate ≥ 310 /s, limit ≥ 310.5 /s (observed, n = 3100) FAIL"
    assert judged(Target(HEALTH, "min_rate", 1), built.add(HEALTH, [1])).value == 0.1


@pytest.mark.parametrize(
    ("name", "limit", "text"),
    [
        ("mean_max", 0.1, "stt.wer mean 0.12 > 0.1 (observed, n = 4) FAIL"),
        ("mean_max", 0.12, "stt.wer mean 0.12 ≤ 0.12 (observed, n = 4) PASS"),
        ("mean_min", 0.2, "stt.wer mean 0.12 < 0.2 (observed, n = 4) FAIL"),
        ("max", 0.2, "stt.wer max 0.3 > 0.2 (observed, n = 4) FAIL"),
        ("min", 0, "stt.wer min 0 ≥ 0 (observed, n = 4) PASS"),
    ],
)
def test_limits_on_values(name: str, limit: float, text: str) -> None:
    recording = Recording(
        values={("stt.wer", ""): ValueStats("", 3, 0.48, 0.0, 0.3), ("stt.wer", "x"): ValueStats("", 1, 0.0, 0.0, 0.0)}
    )
    assert judged(Target("stt.wer", name, limit), recording).text == text


def test_what_held_until_a_test_was_cut_short_is_undecided() -> None:
    built = Builder().add(HEALTH, [10] * 100)
    found = judged(p("max", 500), built, interrupted="Ctrl-C")
    assert found.text == (
        "GET /health max 10 ms ≤ 500 ms (observed, n = 100) INCONCLUSIVE, leaning pass: the test was cut short"
    )
    assert judged(p("max", 5), built, interrupted="Ctrl-C").verdict is Verdict.FAIL
    assert judged(p("p95", 50), built, interrupted="Ctrl-C").verdict is Verdict.PASS
