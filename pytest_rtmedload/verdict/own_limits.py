"""What failed because the load generator itself ran out of something: files, ports, memory, threads, names.

The rule: such a failure happened before anything was sent, so it is not the agent's. A test is INVALID when an error
limit holds without these failures, when more than 5 % of the operations were never sent, or when users could not even
start. Errors that are proved without them come first, as always; a few among many are a note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.model import Kind, Verdict
from pytest_rtmedload.results.names import ITERATION, NEVER_SENT, OwnLimit
from pytest_rtmedload.results.plan import Evidence
from pytest_rtmedload.results.recording import Outcome, Phase
from pytest_rtmedload.text.formats import count
from pytest_rtmedload.verdict.evidence import ShareRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_rtmedload.results.model import TargetResult
    from pytest_rtmedload.verdict.samples import Measured

MOST_OWN: Final = 0.05
"""Share of operations that may never have been sent: the load is that much smaller, as with starts."""
_REMEDIES: Final[Mapping[str, str]] = {
    OwnLimit.OPEN_FILES: "this process ran out of open files: raise the limit (ulimit -n 4096) or use fewer users",
    OwnLimit.OPEN_FILES_OF_MACHINE: "this machine ran out of open files: raise fs.file-max, or use another machine",
    OwnLimit.PORTS: "this machine ran out of local ports: keep connections open, use fewer of them, or widen "
    "net.ipv4.ip_local_port_range",
    OwnLimit.MEMORY: "this machine ran out of memory or network buffers: use fewer users, or a larger machine",
    OwnLimit.THREADS: "this process could start no more threads: use fewer users, or an 'async def' body",
    OwnLimit.NAMES: "this machine's name service did not answer: give the agent's IP address, or repair the resolver",
}


def own_limit_reasons(measured: Measured, targets: Iterable[TargetResult]) -> list[str]:
    """Why the test is INVALID by the generator's own failures; empty when it is not."""
    found, own = _by_limit(measured), sum(own_errors(measured).values())
    spoiled = any(fails_by_own_limits(target, measured) for target in targets)
    if not (spoiled or own > MOST_OWN * _operations(measured) or _in_fixtures(measured)):
        return []
    return [_line(limit, number) for limit, number in found.items()]


def own_limit_notes(measured: Measured, reasons: Iterable[str]) -> list[str]:
    """A note for each that is not among the reasons."""
    told = set(reasons)
    lines = [_line(limit, number) for limit, number in _by_limit(measured).items()]
    return [line for line in lines if line not in told]


def fails_by_own_limits(target: TargetResult, measured: Measured) -> bool:
    """Whether an error limit fails only with the generator's own failures counted in."""
    own = sum(own_errors(measured).values())
    if not own or target.kind is not Kind.ERRORS or target.verdict is not Verdict.FAIL or not target.n:
        return False
    k, n = max(target.k - own, 0), target.n - min(own, target.k)
    if not k:
        return True
    if target.limit == 0 or measured.plan.evidence in (Evidence.POINT, Evidence.NONE):
        return k <= target.limit * n
    return ShareRule.independent(n, target.limit).verdict(k) is not Verdict.FAIL


def own_errors(measured: Measured) -> dict[str, int]:
    """Limit → operations of the measured phase that were never sent."""
    errors = measured.recording.health.own_errors
    return {limit: n for (limit, phase), n in errors.items() if phase == Phase.MEASURE and _is_own(limit, measured)}


def _by_limit(measured: Measured) -> dict[str, int]:
    """Limit → failures, those of the cool-down left out, most first."""
    found: dict[str, int] = {}
    for (limit, phase), number in measured.recording.health.own_errors.items():
        if phase != Phase.COOLDOWN and _is_own(limit, measured):
            found[limit] = found.get(limit, 0) + number
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _is_own(limit: str, measured: Measured) -> bool:
    """An address that cannot be assigned means a lack of ports only where connections were possible before."""
    if limit != OwnLimit.PORTS:
        return True
    series = measured.recording.series.items()
    return any(key.outcome == Outcome.OK and any(h.count for h in cells.values()) for key, cells in series)


def _in_fixtures(measured: Measured) -> bool:
    return any(phase == Phase.SETUP for _, phase in measured.recording.health.own_errors)


def _operations(measured: Measured) -> int:
    counted = measured.operations or [ITERATION]
    return sum(measured.count(metric, *Outcome) for metric in counted)


def _line(limit: str, number: int) -> str:
    return f"{count(number, 'operation')} {NEVER_SENT}: {_REMEDIES[limit]}"
