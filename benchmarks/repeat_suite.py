"""Runs a suite on the embedded agent again and again, alone and beside a busy process, and prints the verdicts.

    python benchmarks/repeat_suite.py --runs 20 --busy 5 -- --suite quick

The last `--busy` runs have a neighbour: a process that takes half a core. A run is counted by pytest's exit status and
by the verdicts in its JSON result; tests that were not PASS are named with their first reason. Exit code 1 when a run
failed, or when more than `--inconclusive` tests in all were INCONCLUSIVE.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent
VERDICTS: Final = ("PASS", "FAIL", "INCONCLUSIVE", "INVALID")
NEIGHBOUR: Final = """
import time
while True:
    end = time.perf_counter() + 0.01
    while time.perf_counter() < end:
        pass
    time.sleep(0.01)
"""
"""Half a core: ten milliseconds of work, ten of rest."""


@dataclass(frozen=True)
class Outcome:
    """One run of the suite."""

    number: int
    busy: bool
    seconds: float
    status: int
    """pytest's exit status."""
    verdicts: collections.Counter[str]
    remarks: list[str]


@contextlib.contextmanager
def neighbour(*, wanted: bool) -> Iterator[None]:
    """A process beside the run that takes half a core."""
    if not wanted:
        yield
        return
    with subprocess.Popen([sys.executable, "-c", NEIGHBOUR]) as process:
        try:
            yield
        finally:
            process.kill()


def run_once(number: int, arguments: list[str], *, busy: bool) -> Outcome:
    """Run the suite in a process of its own."""
    with tempfile.TemporaryDirectory() as folder, neighbour(wanted=busy):
        command = [sys.executable, "-m", "pytest", "-q", "-m", "load", "-p", "no:cacheprovider"]
        command += [f"--load-report-dir={folder}", *arguments, "tests/load"]
        began = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - began
        path = Path(folder, "load_test_report_latest.json")
        if not path.exists():
            return Outcome(number, busy, seconds, done.returncode, collections.Counter(), done.stdout.splitlines()[-5:])
        tests = [test for test in json.loads(path.read_text())["tests"] if not test["superseded"]]
        return Outcome(number, busy, seconds, done.returncode, _counted(tests), [_remark(t) for t in tests if _odd(t)])


def _counted(tests: list[dict[str, Any]]) -> collections.Counter[str]:
    return collections.Counter(test["verdict"] for test in tests)


def _odd(test: dict[str, Any]) -> bool:
    return bool(test["verdict"] != "PASS")


def _remark(test: dict[str, Any]) -> str:
    reason = next(iter(test["reasons"]), "")
    return f"{test['verdict']} {test['nodeid'].partition('tests/load/')[2]}: {reason}"


def row(outcome: Outcome) -> str:
    """One line of the table."""
    counts = " | ".join(f"{outcome.verdicts[verdict]:>2}" for verdict in VERDICTS)
    beside = "half a core" if outcome.busy else "nothing"
    return f"| {outcome.number:>3} | {beside:<11} | {outcome.seconds:>6.0f} | {outcome.status:>4} | {counts} |"


def main() -> int:
    """Run, print a row after each run, and say in the end whether it holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="runs in all (default: 20)")
    parser.add_argument("--busy", type=int, default=5, help="of these, runs beside a busy process (default: 5)")
    parser.add_argument("--inconclusive", type=int, default=1, help="INCONCLUSIVE tests allowed in all (default: 1)")
    parser.add_argument("arguments", nargs="*", help="arguments of pytest, behind --")
    options = parser.parse_args()
    print("| run | beside it   | second | exit | PASS | FAIL | INCONCLUSIVE | INVALID |", flush=True)
    print("|---|---|--:|--:|--:|--:|--:|--:|", flush=True)
    outcomes = []
    for number in range(1, options.runs + 1):
        busy = number > options.runs - options.busy
        outcomes.append(run_once(number, options.arguments or ["--suite", "quick"], busy=busy))
        print(row(outcomes[-1]), flush=True)
        for remark in outcomes[-1].remarks:
            print(f"      {remark}", file=sys.stderr, flush=True)
    failed = sum(outcome.status != 0 for outcome in outcomes)
    unsure = sum(outcome.verdicts["INCONCLUSIVE"] for outcome in outcomes)
    print(f"\n{failed} of {len(outcomes)} runs failed; {unsure} tests were INCONCLUSIVE in all")
    return int(failed > 0 or unsure > options.inconclusive)


if __name__ == "__main__":
    sys.exit(main())
