from __future__ import annotations

import dataclasses
import io
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rtmedload.live.factory import live_view
from pytest_rtmedload.live.log import LogView
from pytest_rtmedload.live.progress import Generator, Progress, TargetSoFar
from pytest_rtmedload.live.rows import log_line
from pytest_rtmedload.live.terminal import TerminalView
from pytest_rtmedload.live.view import LiveView
from pytest_rtmedload.plugin.live_view_hooks import LiveViewHooks
from tests.live.live_screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Generator as Generators

MISSED = TargetSoFar("POST /api/call p95 181 ms > 150 ms", "missed", 3120)
OPEN = TargetSoFar("POST /api/call p99 190 ms ≤ 300 ms", "open", 3120)
MET = TargetSoFar("errors of operations 0 % ≤ 5 %", "met", 3120)
NODEID = "tests/load/api/test_calls.py::test_start_call"
PROGRESS = Progress(
    NODEID,
    "measure",
    elapsed_s=12.4,
    total_s=30.0,
    users=10,
    iterations=3120,
    rate=312.4,
    failed_share=0.004,
    error="12 × StatusError: 503",
    targets=(MISSED, OPEN, MET),
    generator=Generator(1.4, 41.5),
)
TERMINAL = {"TERM": "xterm-256color"}


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def window(screen: Screen) -> Callable[[], os.terminal_size]:
    return lambda: os.terminal_size((screen.columns, len(screen.rows)))


def view_on(screen: Screen, clock: Clock | None = None, *, colour: bool = False) -> TerminalView:
    return TerminalView(screen, colour=colour, clock=clock or Clock(), size=window(screen))


def shown(screen: Screen, progress: Progress = PROGRESS) -> list[str]:
    """The rows below pytest's line."""
    view = view_on(screen)
    view.start(progress.nodeid, lambda: progress)
    view.update(progress.nodeid)
    return [row for row in screen.rows[screen.row + 1 :] if row]


def test_rows_of_one_test() -> None:
    assert shown(Screen(20, 100)) == [
        f"test_start_call  measure  {'━' * 16}╸{' ' * 23}  12/30 s, 18 s left",
        "  10 users · 312/s · 0.4 % failed · 3,120 iterations",
        "  POST /api/call p95 181 ms > 150 ms  missed so far (n = 3,120)",
        "  POST /api/call p99 190 ms ≤ 300 ms  not clear yet (n = 3,120)",
        "  errors of operations 0 % ≤ 5 %  met so far (n = 3,120)",
        "  12 × StatusError: 503",
        "  load generator: lag p99 1.4 ms, 41.5 % of a core",
    ]


def test_calls_stages_trouble_and_what_is_not_known_yet() -> None:
    sick = Generator(42.0, 99.7, 7.1, troubled=True)
    call = dataclasses.replace(
        PROGRESS, targets=(), error=None, stage="20 users (2 of 5)", open=True, total_s=None, generator=sick
    )
    assert shown(Screen(20, 120), call) == [
        "test_start_call  measure  12 s",
        "  stage 20 users (2 of 5) · 10 in flight · 312/s · 0.4 % failed · 3,120 iterations",
        "  load generator: lag p99 42 ms, 99.7 % of a core, audio frames late by p99 7.1 ms  INVALID if it stays so",
    ]
    early = Progress(NODEID, "ramp", 0.2, 30.0, targets=(TargetSoFar("iteration p95 ≤ 5 ms", None),))
    assert shown(Screen(20, 60), early)[1:] == ["  0 users · 0 iterations", "  iteration p95 ≤ 5 ms  no samples yet"]


def test_colours_say_how_a_target_stands() -> None:
    written = io.StringIO()
    view = TerminalView(written, clock=Clock(), size=lambda: os.terminal_size((100, 20)))
    view.start(NODEID, lambda: PROGRESS)
    view.update(NODEID)
    assert f"\x1b[1;31m  {MISSED.text}  missed so far\x1b[0m" in written.getvalue()
    assert f"\x1b[33m  {OPEN.text}  not clear yet\x1b[0m" in written.getvalue()
    assert f"\x1b[32m  {MET.text}  met so far\x1b[0m" in written.getvalue()


@pytest.mark.parametrize("rows", [8, 6, 4, 2])
def test_a_low_window_shows_what_matters_most(rows: int) -> None:
    found = shown(Screen(rows, 100))
    assert len(found) == rows // 2
    assert all(("measure" in found[0], "missed" in "".join(found)))


def test_a_window_of_one_row_is_pytests() -> None:
    assert shown(Screen(1)) == []


@pytest.mark.parametrize("columns", [40, 60, 79])
def test_rows_are_cut_before_the_last_column(columns: int) -> None:
    screen = Screen(20, columns)
    found = shown(screen, dataclasses.replace(PROGRESS, nodeid=f"a.py::test_{'long' * 30}"))
    assert screen.most_used < columns
    assert len(found) == 7
    assert found[0].startswith("test_long")
    assert "measure  12/30 s" in found[0] or "━" in found[0]


def test_wide_characters_are_cut_by_what_they_take() -> None:
    wide = dataclasses.replace(PROGRESS, error="日本語" * 40)
    row = next(row for row in shown(Screen(20, 41), wide) if "日" in row)
    assert row == f"  {('日本語' * 40)[:18]} …"  # 2 + 36 of the 40 columns: half of another one does not fit


def test_names_of_others_cannot_move_the_cursor() -> None:
    screen = Screen(20, 100)
    hostile = dataclasses.replace(PROGRESS, nodeid="a.py::test_x[\x1b[2J\n]", stage="\x1b[9A", targets=())
    assert shown(screen, hostile)[0].startswith("test_x[\\x1b[2J ]  measure")
    assert screen.strange == []


@pytest.mark.parametrize("lines_before", [0, 3, 9, 30])
@pytest.mark.parametrize("rows", [3, 6, 24])
def test_pytests_own_line_goes_on_where_it_was(lines_before: int, rows: int) -> None:
    screen, clock = Screen(rows), Clock()
    screen.write("old\n" * lines_before)
    screen.write("tests/test_calls.py .")
    view = view_on(screen, clock, colour=True)
    view.start(NODEID, lambda: PROGRESS)
    for _ in range(3):
        view.update(NODEID)
        clock.now += 1
    assert screen.rows[screen.row] == "tests/test_calls.py ."
    assert screen.rows[screen.row + 1].startswith("test_start_call  ")
    view.finish(NODEID)
    screen.write(".F [100%]\nnext line")
    assert [row for row in screen.text if row] == ["old"] * lines_before + [
        "tests/test_calls.py ..F [100%]",
        "next line",
    ]


def test_a_window_that_changes_its_size_is_right_again_with_the_next_update() -> None:
    screen, clock = Screen(12, 100), Clock()
    screen.write("tests/test_calls.py .")
    view = view_on(screen, clock)
    view.start(NODEID, lambda: PROGRESS)
    for rows, columns in ((12, 100), (5, 40), (12, 60)):
        screen.columns, screen.most_used = columns, 0
        screen.rows = [*screen.rows, *[""] * 12][:rows]
        view.update(NODEID)
        clock.now += 1
        assert screen.most_used < columns
        assert len([row for row in screen.rows if row]) == 1 + max(1, min(7, rows // 2))
    view.finish(NODEID)
    assert [row for row in screen.text if row] == ["tests/test_calls.py ."]


def test_several_tests_have_a_row_each() -> None:
    screen, clock = Screen(20, 120), Clock()
    view = view_on(screen, clock)
    names = [f"tests/test_{i}.py::test_{i}" for i in range(9)]
    for count, name in enumerate(names, 1):
        progress = dataclasses.replace(PROGRESS, nodeid=name)
        view.start(name, lambda progress=progress: progress)  # type: ignore[misc]
        clock.now += 1
        view.update(name)
        found = [row for row in screen.rows if row]
        assert len(found) == 7 if count in (1, 7, 8, 9) else len(found) == count
    assert found[-1] == "and 3 more load tests"
    for name in names[:7]:
        view.finish(name)
    assert [row[:32] for row in screen.rows if row] == [f"test_{i}  measure 12/30 s  missed " for i in (7, 8)]
    view.finish()
    assert not any(screen.rows)


def test_at_most_four_updates_a_second_and_nothing_is_worked_out_between() -> None:
    screen, clock, asked = Screen(), Clock(), []
    view = view_on(screen, clock)

    def describe() -> Progress:
        asked.append(clock.now)
        return PROGRESS

    view.start(NODEID, describe)
    for _ in range(1000):
        view.update(NODEID)
        clock.now += 0.01
    assert screen.written == len(asked) == 40


def test_an_update_costs_far_less_than_a_percent_of_a_core() -> None:
    view = view_on(Screen(30, 120), clock := Clock(), colour=True)
    view.start(NODEID, lambda: PROGRESS)
    begin = time.process_time()
    for _ in range(100):
        view.update(NODEID)
        clock.now += 1
    assert (time.process_time() - begin) / 100 < 0.01  # 0.3 ms here, and what the screen of the test takes


def test_while_pytest_writes_nothing_is_in_its_way() -> None:
    screen, clock = Screen(20, 100), Clock()
    hooks: Any = LiveViewHooks(view := view_on(screen, clock))
    screen.write("test_a.py .")
    for name in ("a", "b"):
        view.start(name, lambda: PROGRESS)
        view.update(name)
    assert "measure" in screen.rows[1]
    running: Generators[None, Any, Any] = hooks.pytest_runtest_logreport()
    next(running)
    clock.now += 1
    view.update("a")
    screen.write("\ntest_b.py F")
    with pytest.raises(StopIteration):
        running.send(None)
    assert [row for row in screen.rows if row] == ["test_a.py .", "test_b.py F"]
    view.update("b")
    assert "measure" in screen.rows[2]


def test_news_from_another_thread_do_not_wait_while_pytest_writes() -> None:
    view = view_on(Screen())
    view.start(NODEID, lambda: PROGRESS)
    with view.aside():
        thread = threading.Thread(target=view.update, args=(NODEID,), daemon=True)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()


def test_a_log_gets_a_plain_line_every_ten_seconds() -> None:
    log, clock = io.StringIO(), Clock()
    log.write("tests/test_calls.py ")
    view = LogView(log, clock=clock)
    seconds = 0
    view.start(NODEID, lambda: dataclasses.replace(PROGRESS, elapsed_s=float(seconds)))
    view.start("other", lambda: PROGRESS)
    for seconds in range(25):
        clock.now = 100 + seconds
        view.update(NODEID)
    view.finish(NODEID)
    lines = log.getvalue().splitlines()
    assert lines[0] == "tests/test_calls.py "
    assert [line.split(" | ")[0] for line in lines[1:]] == [f"{NODEID}  measure {s}/30 s" for s in (10, 20)]
    assert "\x1b" not in log.getvalue()


def test_a_line_in_a_log_begins_where_pytests_ends() -> None:
    log, clock = io.StringIO(), Clock()
    view = LogView(log, clock=clock)
    view.start(NODEID, lambda: PROGRESS)
    for written in (".", ".", ""):
        with view.aside():
            log.write(written)
        clock.now += 10
        view.update(NODEID)
    assert [line[:1] for line in log.getvalue().splitlines()] == [".", "t", ".", "t", "", "t"]


def test_a_line_says_how_the_targets_stand() -> None:
    assert log_line(PROGRESS) == (
        f"{NODEID}  measure 12/30 s | 10 users | 312/s | 0.4 % failed | 3,120 iterations | "
        "POST /api/call p95 181 ms > 150 ms missed so far | 2 other targets, 1 met so far | lag p99 1.4 ms"
    )
    early = Progress("test_x", "ramp", 0.2, None, users=1)
    assert log_line(early) == "test_x  ramp 0 s | 1 user | 0 iterations"


def test_a_stream_that_fails_ends_the_view_not_the_test() -> None:
    class Gone(Screen):
        def write(self, text: str) -> int:  # noqa: ARG002
            self.written += 1
            raise BrokenPipeError

    stream, clock = Gone(), Clock()
    view = view_on(stream, clock)
    view.start(NODEID, lambda: PROGRESS)
    for _ in range(3):
        view.update(NODEID)
        clock.now += 1
    view.finish(NODEID)
    assert stream.written == 1


@pytest.mark.parametrize(
    ("wanted", "captured", "environment", "kind"),
    [
        (None, True, TERMINAL, TerminalView),
        (True, True, TERMINAL, TerminalView),
        (False, True, TERMINAL, LiveView),
        (None, False, TERMINAL, LiveView),
        (True, False, TERMINAL, LogView),
        (None, True, {"TERM": "dumb"}, LiveView),
        (None, True, {}, LiveView),
        (True, True, {"TERM": "dumb"}, LogView),
    ],
)
def test_which_view_a_terminal_gets(
    wanted: bool | None, captured: bool, environment: dict[str, str], kind: type[LiveView]
) -> None:
    view = live_view(Screen(), wanted=wanted, captured=captured, environment=environment)
    assert type(view) is kind


def test_where_there_is_no_terminal_nothing_is_written_unless_asked_for() -> None:
    log = io.StringIO()
    view = live_view(log, environment=TERMINAL)
    view.start(NODEID, lambda: PROGRESS)
    view.update(NODEID)
    with view.aside():
        pass
    view.finish()
    assert log.getvalue() == ""
    assert type(live_view(log, wanted=True, environment=TERMINAL)) is LogView
    log.close()
    assert type(live_view(log, environment=TERMINAL)) is LiveView


@pytest.mark.parametrize("variable", ["NO_COLOR=1", "PY_COLORS=0", ""])
def test_no_colours_where_they_are_not_wanted(variable: str) -> None:
    name, _, value = variable.partition("=")
    stream = Screen()
    view = live_view(stream, colour=bool(variable), environment={**TERMINAL, name: value})
    written: list[str] = []
    stream.write = lambda text: written.append(text) or 0  # type: ignore[method-assign, func-returns-value]
    view.start(NODEID, lambda: PROGRESS)
    view.update(NODEID)
    assert written
    assert "m" not in [part[-1] for part in written[0].replace("\x1b", "\n").split() if part.startswith("[")]


def test_finish_without_an_update_writes_nothing() -> None:
    screen = Screen()
    view = view_on(screen)
    view.start(NODEID, lambda: PROGRESS)
    view.finish(NODEID)
    assert screen.written == 0


def test_without_a_terminal_rich_is_not_imported() -> None:
    code = """
import io, sys
from pytest_rtmedload.live.factory import live_view
live_view(io.StringIO(), wanted=True)
import pytest_rtmedload.plugin.run
sys.exit("rich" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
