import pytest

from pytest_rtmedload.spec.durations import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (30, 30),
        (0.5, 0.5),
        ("30", 30),
        ("30s", 30),
        ("500ms", 0.5),
        ("5m", 300),
        ("1h", 3600),
        (" 2 min ", 120),
        (".5s", 0.5),
    ],
)
def test_durations_as_people_write_them(text: float | str, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "abc", "5 weeks", "-3s", "1e3", "5mm", -1, float("nan"), float("inf"), True])
def test_anything_else_is_refused_by_name(text: float | str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        seconds(text)
