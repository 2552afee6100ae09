"""Whether the load generator could have changed the verdict: then the test is INVALID and says what to do.

INVALID only when

(a) a FAIL would not be one if the samples that overlap lag above the limit had been within their own limit, or it is
    one of an official client that took all the time the process had;
(b) the load fell short by more than 5 % for the generator's own reasons: arrivals that never began, or, in the closed
    model, time that the users lost to such lag; a latency that is missed without the lag is a FAIL all the same;
(c) frames of audio were sent 5 ms late on average;
(d) operations failed because the generator itself ran out of something (`pytest_rtmedload/verdict/own_limits.py`).

Each shard must hold (b) and (c) on its own: the mean over all would hide the one that was saturated. Arrivals refused
at the in-flight limit are the agent's doing. A PASS under lag stands otherwise: lag only adds to latency. Lag makes no
agent answer wrongly, so it never invalidates a test that judges errors alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.causes import Cause
from pytest_rtmedload.results.model import GeneratorResult, ShardResult, TargetResult, Verdict
from pytest_rtmedload.results.plan import PERCENTILES
from pytest_rtmedload.text.comparisons import number, percent
from pytest_rtmedload.verdict.causes import explained, lag_result, share_of
from pytest_rtmedload.verdict.clients import clients_of, failed_by_their_clients
from pytest_rtmedload.verdict.latency import holds_without_lag
from pytest_rtmedload.verdict.own_limits import own_errors, own_limit_reasons

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_rtmedload.results.plan import ShardPart, Target
    from pytest_rtmedload.results.recording import Health
    from pytest_rtmedload.verdict.samples import Measured

LAG_FLOOR_MS: Final = 15.0
"""An idle ticker on a busy shared machine has a P99 of 4-5 ms: the kernel's slice, not the generator's fault."""
LAG_SHARE_OF_TARGET: Final = 0.1
MOST_LOST: Final = 0.05
"""Share of their time that the users of a closed test may lose to lag: the load is that much smaller."""
LAGGING_FLOOR_NS: Final = 50_000_000
"""A single delay of the machine in a run of under a second says nothing about the generator."""
FEWEST_STARTS: Final = 0.95
MOST_FRAME_LATENESS_NS: Final = 5_000_000
"""A quarter of a frame: later than that, the pace is no longer that of a phone."""
LITTLE_TOLERANCE: Final = 0.05
LITTLE_ITERATIONS: Final = 20
"""Iterations a user needs before ramps and unfinished iterations no longer distort Little's law."""
SATURATED: Final = 0.9
"""Share of a core above which the event loop's thread has no reserve."""


def lag_limit_ns(targets: Iterable[Target]) -> int:
    """Lag above this, in nanoseconds, is too much: 15 ms, or 10 % of the smallest latency target if that is more."""
    smallest = min((target.limit for target in targets if target.name in PERCENTILES), default=0.0)
    return round(max(LAG_FLOOR_MS, LAG_SHARE_OF_TARGET * smallest) * 1e6)


def judge_generator(measured: Measured, judged: Sequence[tuple[str, TargetResult]]) -> GeneratorResult:
    """How well the generator did.

    Args:
        measured: what was measured.
        judged: the targets' results, each with the name of the metric it was judged on.
    """
    health, parts = measured.recording.health, measured.plan.parts
    timed = _judges_time(measured) and not _fails_anyway(measured, judged)
    reasons = [
        *own_limit_reasons(measured, [found for _, found in judged]),
        *([] if parts else _fell_short(health, timed=timed)),
        *_failed_by_lag(measured, judged),
        *_failed_by_clients(measured, judged),
        *(f"shard {part.name}: {reason}" for part in parts for reason in _fell_short(part.health, timed=timed)),
    ]
    lag = health.lag
    return GeneratorResult(
        verdict=Verdict.INVALID if reasons else Verdict.PASS,
        lag_p50_ms=_milliseconds(lag.percentile(0.50)),
        lag_p99_ms=_milliseconds(lag.percentile(0.99)),
        lag_max_ms=_milliseconds(lag.max_us) if lag.count else None,
        thread_cpu_percent=None if (busiest := _busiest(measured)) is None else 100 * busiest,
        gc_longest_ms=health.gc_longest_ns / 1e6,
        late_starts=health.late_starts,
        dropped_starts=health.dropped_starts,
        achieved_ratio=_achieved_ratio(health),
        frame_lateness_mean_ms=health.frames_late_ns / health.frames / 1e6 if health.frames else None,
        frame_lateness_p99_ms=_milliseconds(health.frame_lateness.percentile(0.99)) if health.frames else None,
        reasons=reasons,
        lag=lag_result(health, None if measured.plan.model == "open" else percent(lost_share(health))),
        skew_ms=_skew_ms(parts),
        shards=[_shard(part) for part in parts],
        own_errors=own_errors(measured),
    )


def saturation(measured: Measured) -> str | None:
    """A note when the event loop's thread had hardly any time left, naming the clients it spent its time in.

    Latencies may still be right, as lag is watched apart; the rate is then what this generator could do.
    """
    share = _busiest(measured)
    if share is None or share < SATURATED:
        return None
    busy = percent(share)
    clients = [client.name for client in clients_of(measured)]
    return (
        f"the load generator was busy {number(busy)} % of the time ({', '.join([*clients, 'the test body'])}): "
        "the rate is what it could make, not what the agent can take"
    )


def little_mismatch(users: int, throughput: float, response_s: float, think_s: float, iterations: int) -> str | None:
    """A note when a closed run contradicts Little's law: users = throughput · (response + think).

    Args:
        users: concurrent users of the measured phase.
        throughput: iterations per second of that phase.
        response_s: mean length of an iteration in seconds, think time taken out.
        think_s: mean think time per iteration in seconds.
        iterations: iterations of that phase; with fewer than 20 a user nothing is said.

    Returns:
        The note when the mismatch is above 5 %, else None.
    """
    if users <= 0 or iterations < LITTLE_ITERATIONS * users:
        return None
    explained = throughput * (response_s + think_s)
    if abs(explained - users) <= LITTLE_TOLERANCE * users:
        return None
    return (
        f"Little's law: {number(throughput)} iterations/s of {number(response_s + think_s)} s "
        f"keep {number(explained)} users busy, not {users}: time is spent outside what was measured"
    )


def lost_share(health: Health) -> float:
    """Share of their time that the users of a closed test lost to lag above the limit; 0 in the open model.

    Whatever a user waits for, an answer or the end of a pause, is noticed late by the lag of that moment. The ticks,
    missed ones included, sample that delay at all times alike, so their mean times the number of such events is the
    time lost. It cannot be more than the time in which there was lag.
    """
    users_ns = health.iterating_ns + health.paused_ns
    if health.planned_starts or not users_ns or not health.lag.count or health.lagging_ns <= LAGGING_FLOOR_NS:
        return 0.0
    events = max(health.operations, health.iterations) + health.pauses
    lost = events * health.late_us * 1000 / health.lag.count / users_ns
    own_doing = share_of(health, Cause.BODY) * health.measured_ns / users_ns  # who blocks the others loses nothing
    return min(lost, health.lagging_ns / health.measured_ns) * max(0.0, 1 - own_doing)


def spoils(health: Health) -> bool:
    """Whether a test that judges latencies would be INVALID by this, whatever its samples."""
    return bool(_fell_short(health, timed=True))


def _judges_time(measured: Measured) -> bool:
    """Whether a test judges more than errors."""
    return any(target.name != "errors" for target in measured.plan.targets)


def _fails_anyway(measured: Measured, judged: Sequence[tuple[str, TargetResult]]) -> bool:
    """Whether a latency is missed without the help of lag: a smaller load could only have hidden that."""
    return any(
        found.unit == "ms"
        and found.n
        and found.verdict is Verdict.FAIL
        and not holds_without_lag(found, metric, measured)
        for metric, found in judged
    )


def _fell_short(health: Health, *, timed: bool) -> list[str]:
    return [*(_lost_too_much(health) if timed else []), *_started_too_few(health), *_spoke_too_late(health)]


def _shard(part: ShardPart) -> ShardResult:
    return ShardResult(
        name=part.name,
        users=part.users,
        iterations=part.iterations,
        began_ms=part.began_ms,
        lag_p99_ms=_milliseconds(part.health.lag.percentile(0.99)),
        thread_cpu_percent=None if (share := _cpu_share(part.health)) is None or not part.users else 100 * share,
        late_starts=part.health.late_starts,
        achieved_ratio=_achieved_ratio(part.health),
        lost=part.lost,
    )


def _skew_ms(parts: Sequence[ShardPart]) -> float | None:
    began = [part.began_ms for part in parts if part.began_ms is not None]
    return max(began) if len(began) > 1 else None


def _busiest(measured: Measured) -> float | None:
    """Share of a core that the event loop's thread took, in the busiest shard."""
    shards = [part.health for part in measured.plan.parts if part.users] or [measured.recording.health]
    return max((share for health in shards if (share := _cpu_share(health)) is not None), default=None)


def _cpu_share(health: Health) -> float | None:
    return health.thread_cpu_ns / health.measured_ns if health.measured_ns else None


def _lost_too_much(health: Health) -> list[str]:
    share = lost_share(health)
    if share <= MOST_LOST:
        return []
    lost, most = percent(share), percent(MOST_LOST)
    said = f"users lost {number(lost, most)} % of their time to lag of the load generator (at most {number(most)} %)"
    return [f"{said}{explained(health)}"]


def _failed_by_lag(measured: Measured, judged: Sequence[tuple[str, TargetResult]]) -> list[str]:
    why = explained(measured.recording.health)
    return [
        f"{metric} {found.name} fails only through samples made while the load generator lagged{why}"
        for metric, found in judged
        if found.unit == "ms" and holds_without_lag(found, metric, measured)
    ]


def _failed_by_clients(measured: Measured, judged: Sequence[tuple[str, TargetResult]]) -> list[str]:
    share = _busiest(measured)
    return [] if share is None or share < SATURATED else failed_by_their_clients(judged, percent(share))


def _started_too_few(health: Health) -> list[str]:
    ratio = _achieved_ratio(health)
    if ratio is None or ratio >= FEWEST_STARTS:
        return []
    share, fewest = percent(ratio), percent(FEWEST_STARTS)
    happened = f"only {number(share, fewest)} % of the planned starts happened (at least {number(fewest)} %)"
    return [f"{happened}{explained(health)}"]


def _spoke_too_late(health: Health) -> list[str]:
    if not health.frames or health.frames_late_ns < MOST_FRAME_LATENESS_NS * health.frames:
        return []
    late, most = health.frames_late_ns / health.frames / 1e6, MOST_FRAME_LATENESS_NS / 1e6
    return [f"frames of audio were sent {number(late)} ms late on average (below {number(most)} ms){explained(health)}"]


def _achieved_ratio(health: Health) -> float | None:
    """Share of the starts that were left to the generator: those the agent's slowness refused are not."""
    possible = health.planned_starts - health.dropped_starts
    return health.achieved_starts / possible if possible > 0 else None


def _milliseconds(us: int | None) -> float | None:
    return None if us is None else us / 1000
