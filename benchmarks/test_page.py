"""The HTML page of a long run: 20 tests of 300 seconds with six metrics each. Must reach: 3 s, and below 2 MB.

Processor time: on a busy machine wall time says little.
"""

from __future__ import annotations

import statistics
import time

from pytest_rtmedload.report.page.html import page
from tests.report.report_builders import large_run, make_run, make_test

ROUNDS = 5


def cpu_s() -> float:
    run = large_run()
    begin = time.process_time()
    page(run)
    return time.process_time() - begin


def test_page_of_a_long_run() -> None:
    page(make_run([make_test()]))  # templates are compiled once
    taken = statistics.median(cpu_s() for _ in range(ROUNDS))
    size = len(page(large_run()).encode())
    print(f"\nthe page of 20 tests of 300 s with 6 metrics: {taken:.2f} s, {size / 1e6:.2f} MB (must reach: 3 s, 2 MB)")
    assert size < 2_000_000
