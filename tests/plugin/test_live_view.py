"""The live view on a real terminal: it is seen, and leaves no trace in pytest's output."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.live.live_screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import LoadRun

FILES = {
    "test_first": "def test_plain(): pass",
    "test_load": """
        import asyncio, pytest

        def test_before(): pass

        @pytest.mark.load(p95=5)
        async def test_bad(load):
            print("captured")
            await asyncio.sleep(0.02)

        @pytest.mark.parametrize("n", range(3))
        def test_more(n): pass
        """,
}
SIZES = ("--load-ramp=0", "--load-warmup=0", "--load-think=5ms", "--load-duration=1300ms", "--load-users=3")
COMMAND = (sys.executable, "-m", "pytest", "-m", "load or not load", "--suite=quick", *SIZES)
PATIENCE_S = 60


class OnTerminal:
    """Pytest on a pseudo terminal of its own."""

    def __init__(self, folder: Path, *arguments: str, rows: int, term: str = "xterm") -> None:
        self.rows = rows
        self.raw = ""
        self.seen = threading.Condition()
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 80, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "CI")}
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**environment, "TERM": term},
            start_new_session=True,
        )
        os.close(theirs)
        self.reader = threading.Thread(target=self.read, args=(ours,), daemon=True)
        self.reader.start()

    def read(self, terminal: int) -> None:
        with contextlib.suppress(OSError), os.fdopen(terminal, "rb", 0) as stream:  # Linux ends it with an error
            while data := stream.read(65536):
                with self.seen:
                    self.raw += data.decode("utf-8", "replace")
                    self.seen.notify_all()

    def wait_for(self, text: str) -> None:
        with self.seen:
            assert self.seen.wait_for(lambda: text in self.raw, PATIENCE_S), self.raw

    def screen(self) -> Screen:
        """What is left at the end."""
        self.process.wait(PATIENCE_S)
        self.reader.join(PATIENCE_S)
        screen = Screen(self.rows, 80)
        screen.write(self.raw)
        assert screen.strange == []
        return screen


@pytest.fixture
def project(load_run_of: LoadRun) -> Path:
    load_run_of.file(**FILES)
    return load_run_of.pytester.path


@pytest.fixture
def on_terminal(project: Path) -> Iterator[Callable[..., OnTerminal]]:
    begun: list[OnTerminal] = []

    def begin(*arguments: str, rows: int = 10, term: str = "xterm") -> OnTerminal:
        folder = f"--load-report-dir=results_{len(begun)}"  # those at the same time share nothing
        begun.append(OnTerminal(project, folder, *arguments, rows=rows, term=term))
        return begun[-1]

    yield begin
    for run in begun:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()


def before_the_end(screen: Screen) -> list[str]:
    """What was written while tests ran, without how far it was."""
    text = [re.sub(r" *\[ *\d+%\]$", "", row) for row in screen.text]
    begin = text.index("collected 6 items") + 3  # a line about the load tests, and an empty one
    return text[begin : next(i for i, row in enumerate(text) if "FAILURES" in row) - 1]


@pytest.mark.slow
def test_it_is_seen_and_leaves_no_trace(on_terminal: Callable[..., OnTerminal]) -> None:
    dots, words, shared = on_terminal(), on_terminal("-v", rows=7), on_terminal("-s")
    assert before_the_end(dots.screen()) == ["test_first.py .", "test_load.py .F..."]
    assert before_the_end(words.screen()) == [
        "test_first.py::test_plain PASSED",
        "test_load.py::test_before PASSED",
        "test_load.py::test_bad FAILED",
        *(f"test_load.py::test_more[{n}] PASSED" for n in range(3)),
    ]
    assert "missed so far" in dots.raw
    assert "missed so far" in words.raw
    shared.screen()
    assert "so far" not in shared.raw  # what the tests print goes to the same terminal


@pytest.mark.slow
def test_ctrl_c_clears_it(on_terminal: Callable[..., OnTerminal]) -> None:
    run = on_terminal("-q")
    run.wait_for("missed so far")
    os.kill(run.process.pid, signal.SIGINT)
    text = "\n".join(run.screen().text)
    assert run.process.returncode == pytest.ExitCode.INTERRUPTED
    assert "so far" not in text
    assert "PARTIAL: the run was cut short" in text


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux")
def test_in_tmux(project: Path, tmp_path: Path) -> None:
    def tmux(*arguments: str) -> str:
        command = ["tmux", "-S", str(tmp_path / "socket"), "-f", os.devnull, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE_S).stdout

    def see(text: str) -> str:
        until = time.monotonic() + PATIENCE_S
        while text not in (pane := tmux("capture-pane", "-p")):
            assert time.monotonic() < until, pane
            time.sleep(0.05)
        return pane

    line = " ".join(f"'{part}'" for part in (*COMMAND, "-k", "bad or plain"))
    tmux("new-session", "-d", "-x", "80", "-y", "10", "-c", str(project), f"{line}; cat")
    try:
        rows = [row for row in see("load generator").splitlines() if row]
        assert rows[-6] == "test_load.py"  # and five of ours below
        tmux("resize-window", "-x", "60", "-y", "8")
        pane = see("1 failed, 1 passed")
        assert "so far" not in pane
    finally:
        tmux("kill-server")
