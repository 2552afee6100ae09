from __future__ import annotations

import pytest

from pytest_rtmedload.embedded.cosmos.charges import QUERY_BASE, RuBudget, query_charge, read_charge, write_charge

KB = 1024
SECOND = 1_000_000_000


@pytest.mark.parametrize(("size", "read", "write"), [(1, 1, 5), (KB, 1, 5), (100 * KB, 10, 50)])
def test_documented_charges(size: int, read: float, write: float) -> None:
    assert read_charge(size) == pytest.approx(read)
    assert write_charge(size) == pytest.approx(write)


def test_charges_grow_with_the_size() -> None:
    assert 1 < read_charge(2 * KB) < read_charge(50 * KB) < 10
    assert 5 < write_charge(2 * KB) < write_charge(50 * KB) < 50
    assert query_charge(0) == QUERY_BASE < query_charge(KB) < query_charge(100 * KB)


def test_a_budget_is_a_second_of_it() -> None:
    budget = RuBudget(100)
    assert budget.wait_ms(0) == 0
    budget.spend(99)
    assert budget.wait_ms(0) == 0  # one unit is left: the next one is let in, whatever it costs
    budget.spend(21)
    assert budget.wait_ms(0) == 201  # 20 units of debt, and then something must be left
    assert budget.wait_ms(SECOND // 10) == 101
    assert budget.wait_ms(SECOND * 3 // 10) == 0


def test_a_budget_does_not_grow_beyond_a_second() -> None:
    budget = RuBudget(100)
    assert budget.wait_ms(0) == 0
    assert budget.wait_ms(3600 * SECOND) == 0
    budget.spend(100)
    assert budget.wait_ms(3600 * SECOND) > 0


def test_a_clock_that_stands_or_goes_back_gives_nothing() -> None:
    budget = RuBudget(100)
    budget.wait_ms(SECOND)
    budget.spend(150)
    assert budget.wait_ms(SECOND) == budget.wait_ms(0) == 501
    assert budget.wait_ms(SECOND) == 501
