"""The verdict of a test, of a stage and of a level: definite FAIL from errors > INVALID > FAIL > INCONCLUSIVE > PASS.

Errors that are proved come first, because no generator makes an agent answer wrongly; those that the generator made
itself, because it ran out of something, do not count for that. INVALID comes before other failures: whoever blocks the
event loop must not be told that the agent is slow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rtmedload.results.model import Kind, Verdict
from pytest_rtmedload.verdict.own_limits import fails_by_own_limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.results.model import TargetResult
    from pytest_rtmedload.verdict.samples import Measured


def ranked(
    measured: Measured,
    targets: Sequence[TargetResult],
    *,
    definite: Sequence[str] = (),
    invalid: Sequence[str] = (),
    missed: Sequence[str] = (),
    undecided: Sequence[str] = (),
) -> tuple[Verdict, list[str]]:
    """The verdict, and why it is not PASS, most important first.

    Args:
        measured: what was measured.
        targets: each with its verdict.
        definite: reasons for a FAIL that no load generator can cause.
        invalid: how the load generator could have changed the verdict.
        missed: further reasons for a FAIL.
        undecided: further reasons for which nothing can be said.
    """
    failed = [target for target in targets if target.verdict is Verdict.FAIL]
    wrong = [
        target
        for target in failed
        if target.kind is Kind.ERRORS and target.n and not fails_by_own_limits(target, measured)
    ]
    by_rank = (
        (Verdict.FAIL, [*definite, *(target.text for target in wrong)]),
        (Verdict.INVALID, invalid),
        (Verdict.FAIL, [*missed, *(target.text for target in failed if target not in wrong)]),
        (Verdict.INCONCLUSIVE, [*undecided, *(t.text for t in targets if t.verdict is Verdict.INCONCLUSIVE)]),
    )
    verdict = next((verdict for verdict, reasons in by_rank if reasons), Verdict.PASS)
    return verdict, [reason for _, reasons in by_rank for reason in reasons]
