from __future__ import annotations

import math

import pytest

from pytest_rtmedload.text import formats


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.0, "0"),
        (0.0004, "0.0004"),
        (0.04567, "0.0457"),
        (1.0, "1"),
        (1.234, "1.23"),
        (17.04, "17"),
        (170.2, "170"),
        (220.4, "220"),
        (999.4, "999"),
        (999.7, "1,000"),
        (1234567.8, "1,234,568"),
        (-2.5, "-2.5"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_number(value: float | None, shown: str) -> None:
    assert formats.number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (100.0, "100 %"),
        (99.96, "99.9 %"),  # a failure stays visible
        (99.2, "99.2 %"),
        (0.7, "0.7 %"),
        (0.04, "< 0.1 %"),
        (0.0, "0 %"),
        (57.00001, "57.0 %"),
        (100 * 0.07, "7 %"),
        (None, "–"),
    ],
)
def test_percent(value: float | None, shown: str) -> None:
    assert formats.percent(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.5, "0.5 s"), (4.0, "4 s"), (60, "60 s"), (119, "119 s"), (225.3, "3 min 45 s"), (300, "5 min"), (None, "–")],
)
def test_seconds(value: float | None, shown: str) -> None:
    assert formats.seconds(value) == shown


def test_units() -> None:
    assert formats.milliseconds(0.0451) == "0.0451 ms"
    assert formats.rate(0.0) == "0/s"
    assert formats.rate(312.4, at_least=True) == "≥ 312/s"
    assert formats.quantity(0.05, "%", fraction=True) == "5 %"
    assert formats.quantity(95.5, "%") == "95.5 %"
    assert formats.quantity(100.0, "/s") == "100/s"
    assert formats.quantity(0.1, "") == "0.1"
    assert formats.quantity(5.9, "RU") == "5.9 RU"
    assert formats.count(1, "user") == "1 user"
    assert formats.count(1200, "user") == "1,200 users"


def test_one_line_makes_control_characters_visible() -> None:
    assert formats.one_line("a\n  b\t\x1b[31mc\u202e\ud800\u00a0d") == "a b \\x1b[31mc\\u202e\\ud800 d"
    assert formats.one_line("abcdef", 4) == "abc…"


def test_printable_keeps_lines_and_indentation() -> None:
    assert formats.printable("a\r\n    b\x07\n") == ["a", "    b\\x07"]


def test_text_of_others_commands_no_build_server() -> None:
    hostile = "boom ##vso[task.complete result=Succeeded]"
    assert formats.one_line(hostile) == "boom ##vso [task.complete result=Succeeded]"
    assert formats.printable(hostile) == ["boom ##vso [task.complete result=Succeeded]"]
