"""The recorder with a clock that the tests move."""

import subprocess
import sys

from pytest_rtmedload.measure.recorder import NS, Recorder
from pytest_rtmedload.results.conversations import MOST as CALLS
from pytest_rtmedload.results.conversations import Conversed
from pytest_rtmedload.results.details import ConversationResult
from pytest_rtmedload.results.recording import Cell, Clock, Outcome, Phase, Recording, SeriesKey
from pytest_rtmedload.results.samples import INTENDED, NOBODY, PHASE, USER
from pytest_rtmedload.results.slowest import MOST

KEY = SeriesKey("GET /x")
T0 = 1_000 * NS
PHASES = {Phase.RAMP: (0.0, 0.5), Phase.WARMUP: (0.5, 1.0), Phase.MEASURE: (1.0, 3.0), Phase.COOLDOWN: (3.0, 1e9)}
MS = 1_000_000


def started(**options: bool) -> Recorder:
    recorder = Recorder(**options)
    recorder.start(T0, PHASES)
    return recorder


def sample(recorder: Recorder, at: float, milliseconds: float, late: float = 0.0, user: int = 0, **key: bool) -> None:
    """Record a sample that was due `at` seconds after the start line and began `late` seconds later."""
    due = T0 + round(at * NS)
    start = due + round(late * NS)
    recorder.appender(KEY, **key)((due, start, start + round(milliseconds * MS), user))


def cells(recording: Recording, clock: Clock = Clock.SERVICE) -> dict[Cell, int]:
    return {cell: h.count for cell, h in recording.select("GET /x", Outcome.OK, clock)}


def test_phase_and_second_are_those_of_the_intended_start() -> None:
    recorder = started()
    for at in (0.0, 0.499, 0.5, 0.999, 1.0, 1.5, 2.0, 2.999, 3.0, 4.2):
        sample(recorder, at, milliseconds=5_000)
    assert cells(recorder.drain(T0 + 9 * NS)) == {
        Cell(Phase.RAMP, 0): 2,
        Cell(Phase.WARMUP, 0): 2,
        Cell(Phase.MEASURE, 1): 2,
        Cell(Phase.MEASURE, 2): 2,
        Cell(Phase.COOLDOWN, 3): 1,
        Cell(Phase.COOLDOWN, 4): 1,
    }


def test_samples_of_user_fixtures_are_setup_whenever_they_happen() -> None:
    recorder = started()
    sample(recorder, 2.0, 10, setup=True)
    assert cells(recorder.drain(T0 + 3 * NS)) == {Cell(Phase.SETUP, 2): 1}


def test_samples_before_the_start_line_are_known() -> None:
    recorder = Recorder()
    recorder.appender(KEY, setup=True)((T0, T0, T0 + MS, 0))
    recorder.start(T0 + NS, PHASES)
    assert cells(recorder.drain(T0 + 2 * NS)) == {Cell(Phase.SETUP, 0): 1}


def test_a_drain_takes_each_sample_once() -> None:
    recorder = started()
    sample(recorder, 1.1, 10)
    first = recorder.drain(T0 + 2 * NS)
    sample(recorder, 1.2, 10)
    second = recorder.drain(T0 + 3 * NS)
    assert (first.histogram("GET /x").count, second.histogram("GET /x").count) == (1, 1)
    assert not recorder.drain(T0 + 4 * NS).series


def test_response_time_counts_from_when_the_sample_was_due() -> None:
    recorder = started(response_time=True)
    sample(recorder, 1.1, milliseconds=10, late=0.2)
    recording = recorder.drain(T0 + 2 * NS)
    assert recording.histogram("GET /x", clock=Clock.SERVICE).max_us == 10_000
    assert recording.histogram("GET /x", clock=Clock.RESPONSE).max_us == 210_000


def test_samples_that_overlap_lag_are_marked_also_when_the_lag_was_noticed_later() -> None:
    recorder = started()
    sample(recorder, 1.10, milliseconds=50)  # ends before the lag
    sample(recorder, 1.18, milliseconds=50)  # reaches into it
    sample(recorder, 1.25, milliseconds=10)  # lies within
    sample(recorder, 1.15, milliseconds=400)  # spans it
    sample(recorder, 1.31, milliseconds=50)  # begins after it
    recorder.lagged(T0 + round(1.2 * NS), T0 + round(1.3 * NS))
    assert cells(recorder.drain(T0 + 2 * NS)) == {Cell(Phase.MEASURE, 1): 2, Cell(Phase.MEASURE, 1, lagged=True): 3}


def test_each_second_keeps_the_most_users_that_were_active_in_it() -> None:
    recorder = started()
    for _ in range(3):
        recorder.users_changed(+1, T0)
    recorder.users_changed(-1, T0 + round(0.5 * NS))
    assert recorder.drain(T0 + round(1.5 * NS)).users == {0: 3}
    recorder.users_changed(-1, T0 + round(2.5 * NS))
    assert recorder.drain(T0 + round(3.2 * NS), final=True).users == {1: 2, 2: 2, 3: 1}


def test_ending_early_makes_the_rest_cool_down() -> None:
    recorder = started()
    recorder.end_phase(Phase.COOLDOWN, T0 + round(1.5 * NS))
    sample(recorder, 1.4, 10)
    sample(recorder, 1.6, 10)
    assert cells(recorder.drain(T0 + 2 * NS)) == {Cell(Phase.MEASURE, 1): 1, Cell(Phase.COOLDOWN, 1): 1}


def test_after_warming_up_a_drain_imports_nothing() -> None:
    script = """
import sys
from pytest_rtmedload.measure.recorder import NS, Recorder, warm_up
from pytest_rtmedload.results.recording import Phase, SeriesKey
warm_up()
before = set(sys.modules)
recorder = Recorder()
recorder.start(0, {Phase.MEASURE: (0.0, 9.0)})
append = recorder.appender(SeriesKey("x"))
for n in range(10_000):
    append((n * NS // 5_000, n * NS // 5_000, n * NS // 5_000 + n * 1_000, n % 7))
recorder.lagged(5, NS // 2)
recorder.drain(3 * NS)
assert set(sys.modules) == before, set(sys.modules) - before
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def slow(recording: Recording, metric: str = "GET /x") -> list[tuple[float, int, int]]:
    """The slowest: milliseconds, second, user."""
    return [(one.ms, one.second, one.user) for one in recording.slowest.of.get(metric, [])]


def test_the_slowest_are_found_whichever_drain_they_come_in() -> None:
    recorder, merged = started(), Recording()
    for number in range(40):
        sample(recorder, 1.0 + number / 40, milliseconds=(number * 7) % 40, user=number)
        if number % 10 == 9:
            merged.merge(recorder.drain(T0 + 2 * NS))
    assert slow(merged) == [(ms, 1, next(n for n in range(40) if n * 7 % 40 == ms)) for ms in (39, 38, 37, 36, 35)]


def test_a_drain_without_a_slow_operation_ships_none() -> None:
    recorder = started()
    for _ in range(MOST):
        sample(recorder, 1.1, 50)
    assert len(slow(recorder.drain(T0 + 2 * NS))) == MOST
    sample(recorder, 1.2, 49)
    assert slow(recorder.drain(T0 + 2 * NS)) == []


def test_the_slowest_are_those_of_the_measured_phase_that_were_answered_or_given_up() -> None:
    recorder = started()
    for outcome, ms in ((Outcome.OK, 10), (Outcome.CENSORED, 30), (Outcome.FAILED, 90), (Outcome.ABORTED, 95)):
        due = T0 + round(1.5 * NS)
        recorder.appender(SeriesKey("GET /x", "a=b", outcome), call="c1")((due, due, due + ms * MS, 4))
    sample(recorder, 0.6, 500)  # warm-up
    sample(recorder, 1.5, 500, setup=True)
    found = recorder.drain(T0 + 3 * NS).slowest.of["GET /x"]
    assert [(one.ms, one.outcome, one.tag, one.id, one.user) for one in found] == [
        (30, "censored", "a=b", "c1", 4),
        (10, "ok", "a=b", "c1", 4),
    ]


def test_in_the_open_model_the_slowest_are_judged_from_when_they_were_due() -> None:
    recorder = started(response_time=True)
    sample(recorder, 1.1, milliseconds=10, late=0.2, user=1)
    sample(recorder, 1.2, milliseconds=50, user=2)
    due = T0 + round(1.3 * NS)
    recorder.appender(KEY._replace(outcome=Outcome.CENSORED))((due, due, due, NOBODY))  # a dropped arrival
    assert slow(recorder.drain(T0 + 2 * NS)) == [(210, 1, 1), (50, 1, 2)]


def test_samples_one_by_one_are_there_only_on_request() -> None:
    recorder = started()
    sample(recorder, 1.1, 10)
    recorder.drain(T0 + 2 * NS)
    assert recorder.take_rows() == []


def test_samples_one_by_one_tell_phase_user_and_times_since_the_start_line() -> None:
    recorder = started(each=True, response_time=True)
    sample(recorder, 0.7, milliseconds=10, user=3)
    sample(recorder, 1.5, milliseconds=20, late=0.25, user=4)
    recorder.drain(T0 + 2 * NS)
    (batch,) = recorder.take_rows()
    assert (batch.metric, batch.tag, batch.outcome, batch.call, batch.open) == ("GET /x", "", "ok", "", True)
    assert [batch.phases[number] for number in batch.rows[:, PHASE]] == ["warmup", "measure"]
    assert batch.rows[:, USER].tolist() == [3, 4]
    assert batch.rows[:, INTENDED:].tolist() == [
        [700 * MS, 700 * MS, 710 * MS],
        [1_500 * MS, 1_750 * MS, 1_770 * MS],
    ]
    assert recorder.take_rows() == []


def conversed(call: str, draw: float, loop_ms: float) -> Conversed:
    return Conversed(draw, loop_ms, ConversationResult("", call, "", 0.0, []))


def test_only_calls_that_are_kept_are_shipped() -> None:
    recorder = started()
    for number in range(3 * CALLS):
        recorder.conversation(conversed(str(number), number / 1000, 100.0))
    shipped = recorder.drain(T0 + 2 * NS).conversations
    assert [call.told.call for call in shipped.sample] == [str(number) for number in range(CALLS)]
    recorder.conversation(conversed("late", 0.9, 99.0))
    assert not recorder.drain(T0 + 3 * NS).conversations.sample
    recorder.conversation(conversed("slow", 0.9, 101.0))
    assert recorder.drain(T0 + 4 * NS).conversations.slow[0].told.call == "slow"


def test_what_users_did_in_the_measured_phase_is_counted_each_wait_once() -> None:
    recorder = Recorder()
    recorder.start(0, {Phase.RAMP: (0.0, 1.0), Phase.MEASURE: (1.0, 9.0)})
    for metric in ("iteration", "voice.loop", "voice.ttfb", "voice.response", "llm.inter_token", "GET /health"):
        append = recorder.appender(SeriesKey(metric))
        append((0, 0, NS // 10, 0))  # in the ramp
        append((2 * NS, 2 * NS, 5 * NS // 2, 0))
    recorder.paused(NS // 2, NS)
    recorder.paused(3 * NS, 4 * NS)
    health = recorder.drain(5 * NS).health
    assert (health.iterations, health.operations, health.pauses) == (1, 2, 1)
    assert (health.iterating_ns, health.paused_ns) == (NS // 2, NS)
