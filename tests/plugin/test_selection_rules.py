import pytest

from pytest_rtmedload.plugin.selection import chosen_only_by


@pytest.mark.parametrize(
    ("expression", "names", "chosen"),
    [
        ("load", {"load"}, True),
        ("load and api", {"load", "api"}, True),
        ("(load or slow) and not db", {"load"}, True),
        ("load or slow", {"load", "slow"}, False),
        ("not slow", {"load"}, False),
        ("not load", set(), False),
        ("api", {"load", "api"}, False),
        ("", {"load"}, False),
        ("load and kind-of.odd:name", {"load", "kind-of.odd:name"}, True),
        ("load(users=3)", {"load"}, True),
        ("load and", {"load"}, False),
    ],
)
def test_chosen_because_of_the_marker_alone(expression: str, names: set[str], chosen: bool) -> None:
    assert chosen_only_by("load", expression, names) is chosen
