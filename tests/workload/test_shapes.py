import pytest

from pytest_rtmedload.workload.durations import per_second
from pytest_rtmedload.workload.shapes import Shape, parse_shape


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("steady", Shape()),
        ("arrivals", Shape("arrivals")),
        ("arrivals(steady)", Shape("arrivals")),
        ("arrivals(Poisson)", Shape("arrivals", poisson=True)),
        ("arrivals(10..200)", Shape("arrivals", rates=(10.0, 200.0))),
        (" arrivals( poisson , 0 .. 2.5 ) ", Shape("arrivals", poisson=True, rates=(0.0, 2.5))),
    ],
)
def test_shapes_as_people_write_them(text: str, shape: Shape) -> None:
    assert parse_shape(text) == shape


@pytest.mark.parametrize("text", ["", "zigzag", "steady(3)", "arrivals(", "arrivals(fast)", "arrivals(0..0)", 3, None])
def test_anything_else_is_refused_with_the_forms_that_exist(text: object) -> None:
    with pytest.raises(ValueError, match="is not a shape"):
        parse_shape(text)


@pytest.mark.parametrize(("text", "rate"), [(200, 200), ("200", 200), ("200/s", 200), ("30/m", 0.5), ("7200/h", 2)])
def test_rates_as_people_write_them(text: float | str, rate: float) -> None:
    assert per_second(text) == pytest.approx(rate)


@pytest.mark.parametrize("text", [0, -1, "0", "fast", "5/week", float("inf"), True, None, ""])
def test_a_rate_is_above_zero(text: object) -> None:
    with pytest.raises(ValueError, match="is not an arrival rate"):
        per_second(text)  # type: ignore[arg-type]
