"""Real causes of lag, injected into a process of its own: is each told right? The script repeats them 20 times."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "attribution.py"


def injected(kind: str, times: int) -> list[dict[str, Any]]:
    command = [sys.executable, str(SCRIPT), "--json", "--times", str(times), kind]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    said: list[dict[str, Any]] = json.loads(done.stdout)[kind]
    return said


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells")
@pytest.mark.parametrize(
    ("kind", "cause", "place"),
    [
        ("sleeps", "body", "blocking_body (benchmarks/attribution.py:"),
        ("computes", "body", "spin (benchmarks/attribution.py:"),
        ("holds the lock", "body", "holds_the_lock"),
        ("collects garbage", "garbage_collection", ""),
        ("is busy", "busy", ""),
        ("keeps books", "bookkeeping", ""),
        ("waits for threads", "threads", "spin"),
        ("is stopped", "stopped", ""),
    ],
)
def test_the_cause_is_told(kind: str, cause: str, place: str) -> None:
    """Two of three: this test shares its machine with others, whose doing may be larger than what was injected."""
    said = injected(kind, 3)
    assert sum(one["cause"] == cause and place in one["text"] for one in said) >= 2, said


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells")
def test_processes_on_the_same_core_are_told() -> None:
    """What they used is not: this process started them, so they count as its own (see test_beside_other_work.py)."""
    assert [one["cause"] for one in injected("waits for a processor", 2)] == ["processor"] * 2


@pytest.mark.slow
def test_a_limit_of_the_cgroup_is_told() -> None:
    group = Path("/sys/fs/cgroup/cpu")
    try:
        (group / "probe").mkdir()
        (group / "probe").rmdir()
    except OSError:
        pytest.skip("cgroups of version 1 cannot be made here; see test_kernel.py")
    said = injected("is throttled", 3)
    assert sum(one["cause"] == "throttled" for one in said) >= 2, said
