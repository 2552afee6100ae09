from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_rtmedload.dialects import Operation
from pytest_rtmedload.embedded import ground_truth as module
from pytest_rtmedload.embedded.ground_truth import Truth, read_truth

if TYPE_CHECKING:
    import pytest


def test_the_wire_form_reads_back() -> None:
    truth = Truth()
    truth.operations[Operation.HEALTH].add(3_000_999, 3_100_001, 200)
    truth.operations[Operation.HEALTH].add(0, 2**50, 503)
    truth.operations[Operation.HEALTH].cut = 4
    read = read_truth(json.loads(json.dumps(truth.to_json())))
    health = read[Operation.HEALTH]
    assert list(health.drawn_us) == [3000, 0]
    assert list(health.total_us) == [3100, 2**32 - 1]
    assert health.statuses == {200: 1, 503: 1}
    assert (health.count, health.cut) == (2, 4)
    assert read[Operation.INBOUND].count == 0


def test_what_is_kept_is_bounded_and_what_is_counted_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ANSWERS", 2)
    health = Truth().operations[Operation.HEALTH]
    for _ in range(3):
        health.add(1000, 1000, 200)
    assert (len(health.total_us), health.count) == (2, 3)
