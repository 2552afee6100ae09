import pytest

from pytest_rtmedload.spec.durations import per_second
from pytest_rtmedload.spec.shapes import Shape, ShapeKind, parse_shape


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("steady", Shape()),
        ("sustained", Shape(ShapeKind.SUSTAINED)),
        ("ramp", Shape(ShapeKind.RAMP)),
        ("ramp(5..50)", Shape(ShapeKind.RAMP, users=(5, 50))),
        ("ramp(5..50, 20s)", Shape(ShapeKind.RAMP, users=(5, 50), seconds=20.0)),
        ("steps(5..50 by 5, 20s)", Shape(ShapeKind.STEPS, users=(5, 50), by=5, seconds=20.0)),
        ("steps( 5 .. 50 by 5 )", Shape(ShapeKind.STEPS, users=(5, 50), by=5)),
        ("spike(50, 10s)", Shape(ShapeKind.SPIKE, peak=50.0, seconds=10.0)),
        ("capacity", Shape(ShapeKind.CAPACITY)),
        ("capacity(2..40, 1m)", Shape(ShapeKind.CAPACITY, users=(2, 40), seconds=60.0)),
        ("arrivals", Shape(ShapeKind.ARRIVALS)),
        ("arrivals(steady)", Shape(ShapeKind.ARRIVALS)),
        ("arrivals(Poisson)", Shape(ShapeKind.ARRIVALS, poisson=True)),
        ("arrivals(10..200)", Shape(ShapeKind.ARRIVALS, rates=(10.0, 200.0))),
        (" arrivals( poisson , 0 .. 2.5 ) ", Shape(ShapeKind.ARRIVALS, poisson=True, rates=(0.0, 2.5))),
    ],
)
def test_shapes_as_people_write_them(text: str, shape: Shape) -> None:
    assert parse_shape(text) == shape


@pytest.mark.parametrize(
    "text",
    [
        *("", "zigzag", "steady(3)", "arrivals(", "arrivals(fast)", "arrivals(0..0)", 3, None),
        *("ramp(50..5)", "ramp(0..5)", "ramp(5..50 by 5)", "steps", "steps(5..50)", "steps(5..50 by 0)"),
        *("steps(5..50 by 100)", "spike", "spike(50)", "spike(10s, 50)", "spike(0, 10s)", "capacity(2..40 by 2)"),
        "capacity(2..40, soon)",
    ],
)
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
