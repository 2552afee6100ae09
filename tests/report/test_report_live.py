from __future__ import annotations

import dataclasses
import io
import time
from typing import TYPE_CHECKING

import pytest

from pytest_rtmedload.report.live import LiveLine, Progress, fit, line_text

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRESS = Progress("measure", 12.4, 30.0, 10, 3120, 312.4, 0.004, 181.2, 1.4)
NODEID = "tests/load/api/test_calls.py::test_start_call"


class Screen(io.StringIO):
    """A terminal that understands what the live line sends, of a few rows, to look at afterwards."""

    def __init__(self, rows: int = 4, columns: int = 80) -> None:
        super().__init__()
        self.rows = [""] * rows
        self.columns = columns
        self.row = self.column = 0
        self.saved = (0, 0)
        self.most_used = 0
        self.written = 0

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.written += 1
        i = 0
        while i < len(text):
            for sequence, action in self.actions().items():
                if text.startswith(sequence, i):
                    action()
                    i += len(sequence)
                    break
            else:
                self.put(text[i])
                i += 1
        return len(text)

    def actions(self) -> dict[str, Callable[[], None]]:
        return {
            "\x1bD": self.down,
            "\x1b[A": self.up,
            "\x1b7": self.save,
            "\x1b8": self.restore,
            "\x1b[2K": self.clear,
            "\r": self.home,
            "\n": self.newline,
        }

    def put(self, character: str) -> None:
        row = self.rows[self.row].ljust(self.column)
        self.rows[self.row] = row[: self.column] + character + row[self.column + 1 :]
        self.column += 1
        self.most_used = max(self.most_used, self.column)

    def down(self) -> None:
        if self.row == len(self.rows) - 1:
            self.rows = [*self.rows[1:], ""]
        else:
            self.row += 1

    def up(self) -> None:
        self.row = max(0, self.row - 1)

    def save(self) -> None:
        self.saved = (self.row, self.column)

    def restore(self) -> None:
        self.row, self.column = self.saved

    def clear(self) -> None:
        self.rows[self.row] = ""

    def home(self) -> None:
        self.column = 0

    def newline(self) -> None:
        self.home()
        self.down()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("lines_before", [0, 1, 3, 7])
def test_pytests_own_line_goes_on_where_it_was(lines_before: int) -> None:
    screen, clock = Screen(), Clock()
    screen.write("old\n" * lines_before)
    screen.write("tests/test_calls.py .")
    live = LiveLine(screen, clock=clock, width=lambda: 80)
    live.start(NODEID, 30)
    for _ in range(3):
        live.update(PROGRESS)
        clock.now += 1
    assert screen.rows[screen.row] == "tests/test_calls.py ."
    assert screen.rows[screen.row + 1] == line_text("test_start_call", PROGRESS)[:79]
    live.finish()
    screen.write(".F [100%]\nnext line")
    text = [row for row in screen.rows if row]
    assert text[-2:] == ["tests/test_calls.py ..F [100%]", "next line"]
    assert not any("measure" in row for row in screen.rows)


def test_line_is_cut_to_the_terminal() -> None:
    screen = Screen(columns=30)
    live = LiveLine(screen, width=lambda: 30)
    live.start(NODEID)
    live.update(PROGRESS)
    assert screen.most_used == 29
    assert screen.rows[1] == "test_start_call  measure 12/3"


def test_line_says_what_matters_first() -> None:
    assert line_text("test_start_call", PROGRESS) == (
        "test_start_call  measure 12/30 s | 10 users | 312/s | p95 181 ms | 0.4 % failed | 3,120 iterations | "
        "lag p99 1.4 ms"
    )


def test_line_without_numbers_yet() -> None:
    early = Progress("ramp", 0.2, None, 1, 0, None, None, None, None)
    assert line_text("test_x", early) == "test_x  ramp 0 s | 1 user | 0 iterations"
    assert line_text("test_x", early, 30).startswith("test_x  ramp 0/30 s")


def test_at_most_four_updates_a_second() -> None:
    screen, clock = Screen(), Clock()
    live = LiveLine(screen, clock=clock, width=lambda: 80)
    live.start(NODEID)
    for _ in range(1000):
        live.update(PROGRESS)
        clock.now += 0.01
    assert screen.written == 40


def test_updates_cost_less_than_a_percent() -> None:
    live = LiveLine(Screen(), clock=Clock(), width=lambda: 80)
    live.start(NODEID)
    begin = time.process_time()
    for _ in range(200):
        line_text(NODEID, PROGRESS)
    assert (time.process_time() - begin) / 200 * 4 < 0.01
    begin = time.process_time()
    for _ in range(10_000):
        live.update(PROGRESS)  # almost all of them dropped
    assert (time.process_time() - begin) / 10_000 < 0.0001


@pytest.mark.parametrize(("enabled", "interactive"), [(False, True), (False, False), (True, True)])
def test_nothing_is_written_where_it_is_not_wanted(enabled: bool, interactive: bool) -> None:
    log = io.StringIO()
    live = LiveLine(log, enabled, interactive)
    live.start(NODEID, 30)
    live.update(PROGRESS)
    live.finish()
    assert log.getvalue() == ""


def test_a_dumb_terminal_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    screen = Screen()
    live = LiveLine(screen)
    live.start(NODEID)
    live.update(PROGRESS)
    assert screen.written == 0


def test_a_log_gets_a_plain_line_every_ten_seconds() -> None:
    log, clock = io.StringIO(), Clock()
    log.write("tests/test_calls.py ")
    live = LiveLine(log, enabled=True, interactive=False, clock=clock)
    live.start(NODEID, 30)
    for second in range(25):
        clock.now = 100 + second
        live.update(dataclasses.replace(PROGRESS, elapsed_s=float(second)))
    live.finish()
    lines = log.getvalue().splitlines()
    assert lines[0] == "tests/test_calls.py "
    assert [line.split(" | ")[0] for line in lines[1:]] == [f"{NODEID}  measure {s}/30 s" for s in (10, 20)]
    assert "\x1b" not in log.getvalue()


def test_a_stream_that_fails_ends_the_line_not_the_test() -> None:
    class Gone(Screen):
        def write(self, text: str) -> int:  # noqa: ARG002
            self.written += 1
            raise BrokenPipeError

    stream, clock = Gone(), Clock()
    live = LiveLine(stream, clock=clock)
    live.start(NODEID)
    for _ in range(3):
        live.update(PROGRESS)
        clock.now += 1
    live.finish()
    assert stream.written == 1


def test_a_closed_stream_is_no_terminal() -> None:
    stream = io.StringIO()
    stream.close()
    LiveLine(stream).update(PROGRESS)


def test_finish_without_an_update_writes_nothing() -> None:
    screen = Screen()
    live = LiveLine(screen)
    live.start(NODEID)
    live.finish()
    assert screen.written == 0


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [("abc", 5, "abc"), ("abcdef", 3, "abc"), ("日本語", 4, "日本"), ("日本語", 5, "日本"), ("e\u0301a", 1, "e\u0301")],
)
def test_fit_counts_columns(text: str, columns: int, shown: str) -> None:
    assert fit(text, columns) == shown


def test_names_of_others_cannot_move_the_cursor() -> None:
    assert line_text("test_x[\x1b[2J\n]", PROGRESS).startswith("test_x[\\x1b[2J ]  measure")
