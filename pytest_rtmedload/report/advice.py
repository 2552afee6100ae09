"""What to do next, derived from the verdicts and their reasons: a reader should not have to know the statistics.

Findings come first, then what prevents a finding: a load generator that was too busy, too few samples.
One advice serves all tests that need the same: ten tests with too few samples need one longer run.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.report import phrases
from pytest_rtmedload.report.breaches import ALL_THE_TIME, exceeded
from pytest_rtmedload.results.model import Kind, Verdict
from pytest_rtmedload.results.names import NEVER_SENT
from pytest_rtmedload.results.outcomes import CAUGHT, FAILING
from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.results.model import CriterionResult, RunResult, TargetResult, TestResult

RESERVE: Final = 1.15
"""The samples that are missing are an estimate from the present share of misses: plan for some more."""
LONGEST_S: Final = 3600
"""A run that would have to be longer than that is not the way to a verdict."""
SMOKE: Final = "smoke"
"""The suite that judges no latency: a longer run of it would show nothing more."""
SHORT_SUITES: Final = {"quick": "--suite standard"}
"""Suites that leave much open, and what to type for the next."""
MOST_FAILURES: Final = 3
_LONGEST: Final = 200
_OWN_ERRORS: Final = "Assertion|Type|Value|Key|Index|Attribute|Name|UnboundLocal|ZeroDivision|Runtime|NotImplemented"
_BY_THE_TEST: Final = re.compile(rf"(?:\w+\.)*(?:ChecksFailed|(?:{_OWN_ERRORS})Error)\b")
"""Errors that the lines of the test raise: the agent's log knows nothing of them."""
_TOO_MUCH: Final = re.compile(r"users|starts|arrivals|shard|-n\b")
"""In the reason of an INVALID test: the load was more than the generator can make."""
_OWN_LIMIT: Final = re.compile(rf"{NEVER_SENT}|need at least [\d,]+ open files")
"""In the reason of an INVALID test: the generator met a limit of its process or machine; the reason has the remedy."""
LIGHTER_HELPS: Final = ("processor", "busy", "threads", "bookkeeping", "unknown")
"""Causes of lag that less load makes smaller; the others have remedies of their own."""
_NAMED_IDS: Final = 3


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to do."""

    text: str
    option: str = ""
    """What to add to the command; empty where no option helps."""

    def __str__(self) -> str:
        return f"{self.text}: {self.option}" if self.option else self.text


def next_steps(run: RunResult) -> list[Advice]:
    """What to do after a run, most important first; never empty."""
    tests = [test for test in run.tests if _counts(test)]
    steps = _unmeasured(run)
    steps += [Advice(f"{_these(need.tests)}: {need.text}", need.option) for need in _needs(tests, run.run.suite)]
    if not steps and run.summary.other_failures:
        steps = [Advice("other tests of the same pytest run failed: see pytest's output")]
    if not steps and not tests:
        return [_when_empty(run)]
    if not steps and run.run.suite != SMOKE:
        steps = [Advice(f"{formats.one_line(c.text)}: {_what_to_do(c)}") for c in _missed(run)]
    if not run.summary.complete:
        steps.append(Advice("the run was cut short: run it again to its end before you compare it"))
    return steps or [_when_green(run)]


def of_test(test: TestResult) -> list[Advice]:
    """What to do about one test; empty when it passed and nothing is left open."""
    return [] if not _counts(test) else [Advice(need.text, need.option) for need in _needs([test])]


def _counts(test: TestResult) -> bool:
    """True if a test needs action: not if it was superseded, skipped, or failed as expected."""
    return not (test.superseded or test.outcome in ("xfailed", "skipped") or CAUGHT in test.reasons)


# --- tests without results


def _unmeasured(run: RunResult) -> list[Advice]:
    """What failed before anything was measured: a fixture, the agent that did not answer."""
    failed = [outcome for outcome in phrases.unmeasured(run) if outcome.outcome in FAILING]
    steps = [
        Advice(f"{formats.short_name(outcome.nodeid)}: {phrases.outcome_reason(outcome)}")
        for outcome in failed[:MOST_FAILURES]
    ]
    if len(failed) > MOST_FAILURES:
        rest = formats.count(len(failed) - MOST_FAILURES, "other test")
        steps.append(Advice(f"{rest} failed before anything was measured"))
    return steps


def _when_empty(run: RunResult) -> Advice:
    summary = run.summary
    if summary.not_run:
        return Advice("the run ended before its first load test: run it again")
    if summary.skipped:
        return Advice("every load test was skipped: see the reasons that pytest gives with -rs")
    if summary.xfailed:
        return Advice("nothing: all failures were expected")
    return Advice("no load test ran: select some", "-m load --suite quick")


# --- verdicts


@dataclass(frozen=True, slots=True)
class _Need:
    """One thing to do, and the tests that need it."""

    tests: list[TestResult]
    text: str
    option: str = ""


def _needs(tests: Sequence[TestResult], suite: str = "") -> list[_Need]:
    return [*_failures(tests), *_invalid(tests), *_inconclusive(tests, suite), *_unbounded(tests)]


def _failures(tests: Sequence[TestResult]) -> list[_Need]:
    failed = [test for test in tests if test.verdict is Verdict.FAIL]
    needs = [_failure(test) for test in failed[:MOST_FAILURES]]
    return [*needs, *([_Need(rest, "failed too, see each below")] if (rest := failed[MOST_FAILURES:]) else [])]


def _failure(test: TestResult) -> _Need:
    """The slow metric first: it has a time and an id to look for; then errors, then whatever else was missed."""
    missed = [target for target in test.targets if target.verdict is Verdict.FAIL]
    slow = [t for t in missed if t.kind is Kind.LATENCY and t.unit == "ms" and math.isfinite(t.value or math.nan)]
    if slow:
        return _slow(test, slow[0], slow[0].value or 0.0)
    if test.reasons and not missed:  # no limit: what pytest, or the test itself, said
        return _Need([test], formats.one_line(test.reasons[0], _LONGEST))
    if test.errors:
        return _Need([test], _erring(test))
    if missed and missed[0].value is None:
        return _Need([test], f"{formats.one_line(missed[0].metric)} was not measured; does the test body reach it?")
    if missed:
        what = f"{formats.one_line(missed[0].metric)} {missed[0].name}".lstrip()
        return _Need([test], f"{what} misses its target; look at the agent")
    return _Need([test], formats.one_line(test.reasons[0]) if test.reasons else "see its reasons")


def _slow(test: TestResult, target: TargetResult, value: float) -> _Need:
    over = _beyond(value, target.limit)
    when = exceeded(test, target)
    said = f"{formats.one_line(target.metric)} {target.name} is {over}{f', {when}' if when else ''}"
    slowest = [slow for slow in test.slowest if slow.metric == target.metric and slow.id][:_NAMED_IDS]
    if slowest:
        named = ", ".join(f"{formats.one_line(slow.id, 60)} ({formats.milliseconds(slow.ms)})" for slow in slowest)
        return _Need([test], f"{said}; look in the agent's log for the slowest: {named}")
    if when == ALL_THE_TIME and test.model == "closed" and test.users > 1:
        return _Need([test], f"{said}; see whether the load is the cause with half the users", _half_users([test]))
    return _Need([test], f"{said}; look at the agent")


def _beyond(value: float, limit: float) -> str:
    """How far a value is above its limit: in per cent, or as a multiple where that is easier to imagine."""
    if value > 2 * limit > 0:
        return f"{formats.number(value / limit)} times its limit"
    return f"{formats.percent(100 * (value / limit - 1))} above its limit" if limit else "above its limit"


def _erring(test: TestResult) -> str:
    worst = max(test.errors, key=lambda error: error.count)
    lost = test.failed + test.censored
    whole = max(sum(error.count for error in test.errors), lost)
    first = next((p.second for p in test.timeline if any(m.failed + m.censored for m in p.metrics.values())), None)
    since = "" if first is None else f", first in second {first}"
    message = formats.one_line(worst.message, 120)
    where = "it is raised by the test's own code" if _BY_THE_TEST.match(message) else "see the agent's log"
    return f"{worst.count:,} of {whole:,} failures are '{message}'{since}; {where}"


def _invalid(tests: Sequence[TestResult]) -> list[_Need]:
    sick = [test for test in tests if test.verdict is Verdict.INVALID]
    lost = [test for test in sick if any(shard.lost is not None for shard in test.generator.shards)]
    needs = [_Need(lost, "a process of the load generator was lost; find out why and run again")] if lost else []
    causes = {test.nodeid: _cause(test) for test in sick if test not in lost}
    needs += [_Need([test], cause) for test in sick if (cause := causes.get(test.nodeid))][:MOST_FAILURES]
    busy = sorted((test for test in sick if causes.get(test.nodeid) == ""), key=_is_open)
    return [*needs, *(_lighter(list(group), rated=rated) for rated, group in groupby(busy, key=_is_open))]


def _cause(test: TestResult) -> str:
    """Why a test is INVALID, where that has a remedy of its own; empty where the load is what has to change."""
    own = next((reason for reason in test.reasons if _OWN_LIMIT.search(reason)), "")
    if own:
        return formats.one_line(own, 2 * _LONGEST)
    first, lag = next(iter(test.reasons), ""), test.generator.lag
    if lag is not None and lag.text and lag.text in first and lag.cause not in LIGHTER_HELPS:
        return formats.one_line(f"{lag.text}; {lag.remedy}", 2 * _LONGEST)
    reason = formats.one_line(first, _LONGEST)
    return "" if _TOO_MUCH.search(reason) else reason


def _is_open(test: TestResult) -> bool:
    return test.model == "open" and test.rate is not None


def _lighter(tests: list[TestResult], *, rated: bool) -> _Need:
    """Half the load: the generator's reasons say by how much it was over only in its own terms."""
    what = "rate" if rated else "users"
    text = f"{phrases.INVALID_MEANS}; halve the {what}, or add processes with -n"
    if not rated:
        return _Need(tests, text, _half_users(tests))
    return _Need(tests, text, f"--load-rate {max(1, math.floor(min(test.rate or 0.0 for test in tests) / 2))}")


def _half_users(tests: Sequence[TestResult]) -> str:
    return f"--load-users {max(1, min(test.users for test in tests) // 2)}"


def _inconclusive(tests: Sequence[TestResult], suite: str) -> list[_Need]:
    """One length for all: the longest that any of them needs; after a short suite, the one made for verdicts."""
    open_ = [test for test in tests if test.verdict is Verdict.INCONCLUSIVE and test.capacity is None]
    thin = [test for test in open_ if test.evidence != "none"]  # a smoke test judges no latency however long it is
    if suite in SHORT_SUITES and len(thin) > 1:
        return [_Need(thin, f"too few samples for a verdict in suite {suite}; take a longer one", SHORT_SUITES[suite])]
    within = [test for test in thin if _enough_s(test) <= LONGEST_S]
    beyond = [test for test in thin if test not in within]
    needs = []
    if within:
        longest = round(max(map(_enough_s, within)))
        needs.append(_Need(within, "too few samples for a verdict; run longer", f"--load-duration {longest}s"))
    if beyond:
        users = 2 * max(test.users for test in beyond)
        needs.append(
            _Need(beyond, "an hour would not be enough; collect more samples with more users", f"--load-users {users}")
        )
    return needs


def _enough_s(test: TestResult) -> float:
    """Seconds the measured phase has to last, with a reserve, in steps of 5; infinite where that is not known."""
    missing = [target.needed_s for target in test.targets if target.needed_s is not None]
    return 5 * math.ceil((test.duration_s + RESERVE * max(missing)) / 5) if missing else math.inf


def _unbounded(tests: Sequence[TestResult]) -> list[_Need]:
    """Searches for the capacity that did not find both of its ends."""
    needs = []
    for test in tests:
        found = test.capacity
        if found is None:
            continue
        if found.unknown and test.verdict is not Verdict.INVALID:
            levels = " and ".join(f"{users:,}" for users in found.unknown)
            needs.append(_Need([test], f"the load generator was the limit at {levels} users; add processes with -n"))
        elif found.likely is not None:
            needs.append(_Need([test], f"{found.likely:,} users are likely, not proved; hold each level longer"))
        elif found.met is None and not found.unknown and min((s.users for s in test.stages), default=1) > 1:
            needs.append(_Need([test], "no number of users that was tried met the targets; begin the search lower"))
        elif found.met is not None and found.missed is None:
            needs.append(_Need([test], f"all up to {found.met:,} users met the targets; search higher"))
    return needs


def _missed(run: RunResult) -> list[CriterionResult]:
    return [criterion for criterion in phrases.by_verdict(run.criteria) if criterion.verdict is not Verdict.PASS]


def _what_to_do(criterion: CriterionResult) -> str:
    if criterion.n == 0:
        return "correct its name, or leave it out where the tests that record it do not run"
    return "see the slowest and failed operations below"


def _when_green(run: RunResult) -> Advice:
    if run.run.suite == SMOKE:
        return Advice("nothing: the smoke test found no errors, and it judges no latency")
    if run.run.agent.embedded:
        return Advice("the embedded agent is a stand-in: name your own", "--load-host https://…")
    if any(drift.drifted for test in run.tests for drift in test.drift):
        return Advice("latency rose during a test though its target was met: run longer to see where it ends")
    if run.run.suite in SHORT_SUITES:
        return Advice("for more evidence run a longer suite", SHORT_SUITES[run.run.suite])
    return Advice("nothing: every target is met; keep the JSON file to compare later runs with")


# --- words


def _these(tests: Sequence[TestResult]) -> str:
    if len(tests) <= MOST_FAILURES:
        return ", ".join(formats.short_name(test.nodeid) for test in tests)
    return formats.count(len(tests), "test")
