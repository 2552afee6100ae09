"""Causes of lag in words: the largest is named, with numbers and what to do."""

from __future__ import annotations

import pytest

from pytest_rtmedload.results.causes import Cause
from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.plan import ShardPart
from pytest_rtmedload.results.recording import Health
from pytest_rtmedload.verdict.causes import WORDS, lag_result
from pytest_rtmedload.verdict.health import lost_share
from pytest_rtmedload.verdict.judge import judge
from tests.verdict.verdict_builders import HEALTH, Builder, errors, lagging, p, plan

S = 10**9


def caused(health: Health, *causes: tuple[Cause, str, float]) -> Health:
    for cause, place, seconds in causes:
        health.explain(cause, place, round(seconds * S))
    return health


def shared(health: Health, others: float, run: float = 0.5, agent: float = 0.2) -> Health:
    """Two cores for ten seconds, of which other processes, the run and the agent in it used some."""
    health.watched_ns, health.cores_ns = 10 * S, 20 * S
    health.machine_ns, health.run_ns = round((others + run) * 10 * S), round(run * 10 * S)
    health.agent_ns = round(agent * 10 * S)
    return health


def test_every_cause_has_words_and_a_remedy() -> None:
    assert set(WORDS) == set(Cause)
    assert (
        len({words.what for words in WORDS.values()}) == len({words.remedy for words in WORDS.values()}) == len(Cause)
    )


def test_the_cause_stands_in_the_reason_with_others_share() -> None:
    health = caused(lagging(0.5), (Cause.PROCESSOR, "", 3.1), (Cause.BUSY, "", 0.9))
    built = Builder().add(HEALTH, [10] * 100)
    built.recording.health = shared(health, 1.0)
    found = judge(plan(p("p95", 150)), built.recording)
    assert found.reasons[0] == (
        "users lost 50 % of their time to lag of the load generator (at most 5 %): 3.1 of 4 s of lag because the load "
        "generator waited for a processor (other processes used 1 of 2 cores); end other work on this machine, "
        "take one with more cores, or use fewer users or a lower rate"
    )
    lag = found.generator.lag
    assert lag is not None
    assert (lag.cause, lag.cores, lag.other_cores, lag.agent_cores) == ("processor", 2, 1.0, 0.2)
    assert [(cause.cause, cause.ms) for cause in lag.causes] == [("processor", 3100), ("busy", 900)]
    assert (lag.lost_percent, lag.total_ms) == (50, 9000)


def test_a_place_is_named_the_one_that_took_most() -> None:
    health = caused(lagging(0.1), (Cause.BODY, "f (a.py:1)", 1), (Cause.BODY, "g (a.py:9)", 2), (Cause.BODY, "", 5))
    found = lag_result(health, None)
    assert found is not None
    assert found.text == "8 of 8 s of lag because one piece of code blocked the event loop: g (a.py:9)"


def test_a_fail_through_lag_names_the_cause() -> None:
    built = Builder().add(HEALTH, [10] * 900).add(HEALTH, [400] * 100, lagged=True)
    built.recording.health = caused(Health(measured_ns=10 * S, lagging_ns=S), (Cause.COLLECTION, "", 1))
    (reason,) = judge(plan(p("p95", 150)), built.recording).generator.reasons
    assert reason.startswith(
        "GET /health p95 fails only through samples made while the load generator lagged: 1 of 1 s of lag because "
        "Python collected garbage; keep fewer objects"
    )


def test_a_shard_tells_its_own_cause() -> None:
    fit, sick = Health(measured_ns=S), caused(lagging(0.5), (Cause.THROTTLED, "", 4))
    built = Builder().add(HEALTH, [10] * 100)
    built.recording.health.merge(fit)
    built.recording.health.merge(sick)
    parts = tuple(ShardPart(f"gw{n}", 5, 50, 0.0, health) for n, health in enumerate((fit, sick)))
    (reason,) = judge(plan(p("p95", 150), shards=2, parts=parts), built.recording).generator.reasons
    assert reason.startswith("shard gw1: users lost 50 %")
    assert "the processor limit of its cgroup stopped the load generator; raise the CPU limit" in reason


def test_others_share_is_told_where_it_shows_and_only_there() -> None:
    for others, said in (
        (0.2, ""),
        (1.0, "other processes used 1 of 2 cores"),
        (9.0, "other processes used 2 of 2 cores"),
    ):
        lag = lag_result(shared(lagging(0.0), others), None)
        assert lag is not None
        assert lag.others == said
    nothing = lag_result(lagging(0.0), None)
    assert nothing is not None
    assert (nothing.cores, nothing.other_cores, nothing.agent_cores, nothing.cause) == (None, None, None, None)
    assert lag_result(Health(), None) is None


def test_shards_of_one_machine_see_the_same_others() -> None:
    both = shared(lagging(0.0), 1.0)
    both.merge(shared(lagging(0.0), 1.0))
    lag = lag_result(both, None)
    assert lag is not None
    assert (lag.cores, lag.other_cores) == (2, 1.0)


@pytest.mark.parametrize(("users", "lost"), [(1, 0.0), (4, 0.375)])
def test_who_blocks_the_others_loses_nothing(users: int, lost: float) -> None:
    health = caused(lagging(0.5, users=users), (Cause.BODY, "f", 4))
    assert lost_share(health) == pytest.approx(lost)
    waited = caused(lagging(0.5, users=users), (Cause.PROCESSOR, "", 4))
    assert lost_share(waited) == pytest.approx(0.5)


def test_errors_alone_are_judged_beside_any_lag_which_is_told() -> None:
    built = Builder().add(HEALTH, [10] * 1000, lagged=True)
    built.recording.health = shared(caused(lagging(0.9), (Cause.PROCESSOR, "", 9)), 1.0)
    found = judge(plan(errors(0.05)), built.recording)
    assert (found.verdict, found.generator.reasons) == (Verdict.PASS, [])
    assert found.generator.lag is not None
    assert found.generator.lag.others == "other processes used 1 of 2 cores"
