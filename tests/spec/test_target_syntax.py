import pytest

from pytest_rtmedload.results.plan import Target
from pytest_rtmedload.spec.target_syntax import make_target, override, parse_target


def test_an_entry_of_the_table_names_metric_limit_and_value() -> None:
    assert parse_target("voice.loop:p95=700") == (Target("voice.loop", "p95", 700.0),)
    assert parse_target("GET /health:p95=10, p99=20") == (
        Target("GET /health", "p95", 10.0),
        Target("GET /health", "p99", 20.0),
    )
    assert parse_target("GET http://host:80/x:p95=1") == (Target("GET http://host:80/x", "p95", 1.0),)
    assert parse_target("errors=0.01") == (Target("", "errors", 0.01),)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("voice.loop", "is not a target"),
        ("voice.loop:p95", "is not a target"),
        ("voice.loop:p95=fast", "is not a target"),
        (":p95=3", "is not a target"),
        ("voice.loop:p96=700", "unknown limit 'p96': choose one of p50"),
        ("p95=700", "unknown limit 'p95': choose one of errors, min_rate"),
        ("voice.loop:p95=-1", "finite and not negative"),
        ("voice.loop:p95=0", "cannot be 0 ms"),
        ("errors=5", "a fraction between 0 and 1"),
    ],
)
def test_a_wrong_entry_says_what_is_right(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_target(text)


def test_the_table_overrides_what_the_marker_states() -> None:
    stated = (Target("GET /a", "p95", 150.0), Target("", "errors", 0.05, default=True))
    table = [parse_target("GET /a:p95=10"), parse_target("errors=0.5")]
    assert set(override(stated, table, ["iteration", "GET /a"])) == {
        Target("GET /a", "p95", 10.0),
        Target("", "errors", 0.5),
    }


def test_the_strongest_entry_comes_last() -> None:
    stated = (Target("GET /a", "p95", 150.0),)
    assert override(stated, [parse_target("GET /a:p95=1"), parse_target("GET /a:p95=2")], []) == (
        Target("GET /a", "p95", 2.0),
    )


def test_the_table_adds_limits_on_what_was_recorded_and_on_nothing_else() -> None:
    table = [parse_target("GET /b:p99=9"), parse_target("GET /elsewhere:p99=9")]
    assert override((), table, ["GET /b"]) == (Target("GET /b", "p99", 9.0),)


def test_a_limit_must_be_a_number() -> None:
    with pytest.raises(ValueError, match="a limit is a number"):
        make_target("iteration", "p95", "fast")
