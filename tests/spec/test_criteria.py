"""Criteria as lines: defaults that are changed, dropped and joined by new ones."""

from __future__ import annotations

import pytest

from pytest_rtmedload.spec.criteria import (
    DEFAULT_CRITERIA,
    GOAL,
    LIMIT,
    Criterion,
    Measure,
    Subject,
    parse_subject,
    with_changes,
)


def changed(*lines: str, demanded: bool = False) -> dict[str, Criterion]:
    return {c.name: c for c in with_changes(DEFAULT_CRITERIA, lines, "the test", demanded=demanded)}


def test_a_default_gets_another_limit_and_keeps_its_kind() -> None:
    found = changed("success rate = 0.99", "voice.loop p95 = 900 limit")
    assert len(found) == len(DEFAULT_CRITERIA)
    assert (found["success rate"].limit, found["success rate"].kind) == (0.99, GOAL)
    assert (found["voice.loop p95"].limit, found["voice.loop p95"].kind) == (900, LIMIT)
    assert found["voice.loop p95"].source == "the test"
    assert not found["API p95"].source


def test_names_match_in_any_case_and_with_any_blanks() -> None:
    assert changed("  api   P95=  200 ")["API p95"].limit == 200


def test_a_criterion_is_dropped() -> None:
    assert "backend errors" not in changed("backend errors = off")
    assert list(changed("all = off", "success = 50 % limit")) == ["success"]


def test_the_same_subject_and_kind_is_the_same_criterion() -> None:
    found = changed("requests p95 in api = 200 goal", "success = 0.9 limit")
    assert (found["API p95"].limit, found["lowest success rate"].limit) == (200, 0.9)
    assert found["success rate"].limit == 0.95


def test_a_new_criterion_under_a_name_of_its_own() -> None:
    found = changed("checkout errors: POST /checkout errors in shop = 1 % limit", demanded=True)["checkout errors"]
    assert found.subject == Subject(Measure.ERRORS, "POST /checkout", group="shop")
    assert (found.limit, found.kind, found.demanded) == (0.01, LIMIT, True)


@pytest.mark.parametrize(
    ("line", "limit"),
    [
        ("llm.ttft p95 = 600 ms", 600),
        ("llm.ttft p95 = 2 s", 2000),
        ("llm.ttft errors = 5 %", 0.05),
        ("stt.wer mean_max = 0.1", 0.1),
        ("latency over its limit = 2", 2),
    ],
)
def test_limits_in_their_units(line: str, limit: float) -> None:
    assert with_changes((), [line], "the test")[0].limit == pytest.approx(limit)


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("voice.loop p99 in flows", Subject(Measure.PERCENTILE, "voice.loop", "p99", "flows")),
        ("GET /x in y p95 in critical", Subject(Measure.PERCENTILE, "GET /x in y", "p95", critical=True)),
        ("success in critical flows", Subject(Measure.SUCCESS, group="flows", critical=True)),
        ("requests errors in api", Subject(Measure.ERRORS, "requests", group="api")),
        ("dropped connections in ws", Subject(Measure.DROPPED, group="ws")),
        ("voice.loop", None),
        ("errors of api", None),
        ("voice.loop p95 in", None),
    ],
)
def test_what_is_measured(text: str, subject: Subject | None) -> None:
    assert parse_subject(text) == subject


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("voice.loop p95", "is not a criterion"),
        ("voice.loop p95 = fast", "is not a criterion"),
        ("voice.loop p95 = 900 target", "is not a criterion"),
        ("voice.loop p95 = 0", "above 0"),
        ("voice.loop p95 = 5 %", "milliseconds"),
        ("success rate = 99", "between 0 and 1"),
        ("success rate = 900 ms", "between 0 and 1"),
        ("stt.wer mean_max = -1", "not negative"),
        ("voice.loop p95 = 1e999", "above 0"),
        ("voice.loop p95 = 1.2.3", "is not a number"),
        ("voice loop = 700", "is neither a criterion nor a subject"),
        ("typo = off", "there is no criterion 'typo' to drop; there are success rate, voice.loop p95"),
    ],
)
def test_a_wrong_line_says_what_is_right(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        changed(line)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
