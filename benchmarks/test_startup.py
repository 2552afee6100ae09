"""What the plugin adds to a pytest run without load tests. Must reach: at most 30 ms."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 15
COMMAND = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:valkey"]


def seconds(folder: Path, *arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([*COMMAND, *arguments], cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def test_start_up(tmp_path: Path) -> None:
    (tmp_path / "test_nothing.py").write_text("def test_nothing(): pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    seconds(tmp_path)
    pairs = [(seconds(tmp_path), seconds(tmp_path, "-p", "no:rtmedload")) for _ in range(ROUNDS)]
    added = statistics.median(with_it - without for with_it, without in pairs) * 1000
    print(f"\nthe plugin adds {added:.0f} ms to a pytest run without load tests (must reach: 30 ms)")
