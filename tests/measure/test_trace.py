"""What is told of operations as they end."""

from pytest_rtmedload.measure.recorder import Recorder
from pytest_rtmedload.measure.trace import Trace
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.recording import Outcome, Phase, SeriesKey

MS = 1_000_000


class Told:
    """A recorder with a trace, and the lines it told; all times in milliseconds since it was made."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        trace = Trace("test_x.py::test_it", self.lines.append, clock=lambda: 0)
        self.recorder = Recorder(trace=trace)
        self.recorder.start(0, {Phase.MEASURE: (0.0, 9.0)})

    def ends(
        self, metric: str, begin: int, end: int, outcome: Outcome = Outcome.OK, tag: str = "", call: str = ""
    ) -> None:
        append = self.recorder.appender(SeriesKey(metric, tag, outcome), call=call)
        append((begin * MS, begin * MS, end * MS, 0))

    @property
    def shown(self) -> list[list[str]]:
        """The lines without the title, in words."""
        return [line.split() for line in self.lines[1:]]


def test_each_operation_is_a_line_with_its_end_time_outcome_tag_and_call() -> None:
    told = Told()
    told.ends("GET /x", 100, 112)
    told.ends("voice.loop", 200, 1_200, tag="scenario=pain", call="c1")
    assert told.lines[0] == "test_x.py::test_it"
    assert told.shown == [
        ["0.112", "s", "GET", "/x", "12", "ms", "ok"],
        ["1.200", "s", "voice.loop", "1,000", "ms", "ok", "(scenario=pain,", "call", "c1)"],
    ]
    assert told.recorder.drain(0).histogram("GET /x").count == 1


def test_nothing_is_told_of_a_test_without_operations() -> None:
    told = Told()
    told.recorder.drain(0, final=True)
    assert told.lines == []


def test_a_failed_operation_is_told_with_the_reason_that_follows_it() -> None:
    told = Told()
    told.ends("GET /x", 0, 5, Outcome.FAILED)
    assert told.lines == []  # its reason is still to come
    told.recorder.error("GET /x: HTTP 404")
    assert told.shown == [["0.005", "s", "GET", "/x", "5", "ms", "failed", "HTTP", "404"]]


def test_an_iteration_is_told_with_the_reason_that_came_before_it() -> None:
    told = Told()
    told.recorder.error("AssertionError: assert 1 == 2")
    told.ends(ITERATION, 0, 5, Outcome.ABORTED)
    assert told.shown == [
        ["0.005", "s", "iteration", "5", "ms", "aborted", "AssertionError:", "assert", "1", "==", "2"]
    ]


def test_a_reason_is_never_given_to_another_operation() -> None:
    told = Told()
    told.ends("GET /x", 0, 5, Outcome.FAILED)
    told.recorder.error("GET /xyz: HTTP 500")
    told.ends("GET /z", 6, 7)
    told.recorder.drain(0, final=True)
    assert told.shown == [
        ["0.005", "s", "GET", "/x", "5", "ms", "failed"],
        ["0.000", "s", "error:", "GET", "/xyz:", "HTTP", "500"],
        ["0.007", "s", "GET", "/z", "1", "ms", "ok"],
    ]


def test_what_waits_for_a_reason_is_told_in_the_end() -> None:
    told = Told()
    told.ends("GET /x", 0, 5, Outcome.CENSORED)
    told.recorder.drain(0, final=True)
    assert told.shown == [["0.005", "s", "GET", "/x", "5", "ms", "censored"]]


def test_foreign_text_stays_on_its_line() -> None:
    told = Told()
    told.ends("GET /x", 0, 5, Outcome.FAILED, tag="a=\x1b[2J\n")
    told.recorder.error("GET /x: one\ntwo")
    assert "\n" not in told.lines[1]
    assert "\x1b" not in told.lines[1]
    assert told.lines[1].endswith("one two")
