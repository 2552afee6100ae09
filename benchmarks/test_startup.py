"""What the plugin adds to a pytest run without load tests. Must reach: at most 30 ms.

Processor time of whole runs, with the plugin and without it in turn: on a busy machine wall time says little.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 21
COMMAND = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:valkey"]


def cpu_ms(folder: Path, *arguments: str) -> float:
    """Processor time of one run of pytest, in milliseconds."""
    process = subprocess.Popen([*COMMAND, *arguments], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return 1000 * (usage.ru_utime + usage.ru_stime)


def test_start_up(tmp_path: Path) -> None:
    (tmp_path / "test_nothing.py").write_text("def test_nothing(): pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    cpu_ms(tmp_path)
    pairs = [(cpu_ms(tmp_path), cpu_ms(tmp_path, "-p", "no:rtmedload")) for _ in range(ROUNDS)]
    added = statistics.median(with_it - without for with_it, without in pairs)
    whole = statistics.median(with_it for with_it, _ in pairs)
    print(
        f"\nthe plugin adds {added:.0f} ms to the {whole:.0f} ms of a pytest run without load tests (must reach: 30 ms)"
    )
