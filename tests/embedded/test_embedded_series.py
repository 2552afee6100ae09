from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_rtmedload.embedded import series as module
from pytest_rtmedload.embedded.series import Series

if TYPE_CHECKING:
    import pytest


def test_the_wire_form_reads_back() -> None:
    series = Series()
    series.add(3_000_999, 3_100_001)
    series.add(0, 2**50)
    read = Series.from_json(json.loads(json.dumps(series.to_json())))
    assert read == series
    assert list(read.drawn_us) == [3000, 0]
    assert list(read.total_us) == [3100, 2**32 - 1]


def test_what_is_kept_is_bounded_and_what_is_counted_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_VALUES", 2)
    series = Series()
    for _ in range(3):
        series.add(1000, 1000)
    assert (len(series.total_us), len(series.drawn_us), series.count) == (2, 2, 3)
