"""The search for the most users at which every target is met: doubling until it is missed, then bisection.

Each level is held until the evidence decides, at most for the time the shape names. Where it does not decide, the point
estimate says where to look next, and under strict evidence the level that is found is held again, up to four times
as long, until it is proved. The verdict judges all levels again when the last sample is in. A level that the load
generator spoiled is tried again; spoiled a second time, it is unknown, and the search goes on around it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, floor
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.plan import Evidence, Stage
from pytest_rtmedload.schedule.conductors import Command, Conductor, Moment, Standing, phases_until, rise
from pytest_rtmedload.schedule.staged import SETTLE_S, users_text
from pytest_rtmedload.spec.shapes import SHORTEST_STAGE_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.results.recording import Phase
    from pytest_rtmedload.spec.load_spec import LoadSpec

LEAD_S: Final = 0.5
"""How far ahead commands are sent: long enough for a message to reach every shard."""
PATIENCE_S: Final = 60.0
"""How long surplus users may take to finish their iteration."""
PROOF: Final = 4
"""The level that was found is held up to this many times as long as the others, if the proof needs it."""
PRECISION: Final = 0.05
"""Levels closer together than this share are not distinguished: run-to-run differences are larger."""


class Search:
    """Which level comes next. It knows no clock.

    Args:
        first: users of the first level.
        last: most users to try.
    """

    def __init__(self, first: int, last: int) -> None:
        self._first, self._last = first, last
        self._met: dict[int, bool] = {}
        self._unknown: set[int] = set()

    def note(self, users: int, *, met: bool) -> None:
        """How a level ended; of one that was tried again, the later finding counts."""
        self._met[users] = met
        self._unknown.discard(users)

    def note_unknown(self, users: int) -> None:
        """A level says nothing about the agent: the load generator spoiled it."""
        self._unknown.add(users)

    @property
    def missed(self) -> int | None:
        """Fewest users at which a target was missed."""
        return min((users for users, met in self._met.items() if not met), default=None)

    @property
    def best(self) -> int:
        """Most users at which the targets were met, with no miss below them; 0 until there is such a level."""
        missed = self.missed
        return max((users for users, met in self._met.items() if met and users < (missed or users + 1)), default=0)

    def next(self) -> int | None:
        """Users of the next level; None when there is nothing left to learn."""
        best, missed = self.best, self.missed
        if not self._met and not self._unknown:
            return self._first
        unknown = sorted(users for users in self._unknown if best < users < (missed or users + 1))
        if missed is None and not unknown:  # beyond an unknown level the generator would be the limit, too
            return None if best >= self._last else min(self._last, 2 * best)
        known = [best, *unknown, *([] if missed is None else [missed])]
        gaps = ((low, high) for low, high in pairwise(known) if high - low > max(1, round(PRECISION * low)))
        return next(((low + high) // 2 for low, high in gaps), None)


@dataclass(slots=True)
class _Level:
    """The level that is being tried."""

    users: int
    ordered: float
    """When its users were due."""
    begin: float | None = None
    """First judged second; None until all its users are active."""
    proof: bool = False
    """It was found already, without enough evidence."""
    again: bool = False
    """It was tried before, and spoiled by the load generator."""


class Capacity(Conductor):
    """Tries levels of users, each for as long as its verdict needs."""

    def __init__(self, spec: LoadSpec) -> None:
        self._spec = spec
        first, last = spec.shape.users or (1, spec.users)
        self._search = Search(first, last)
        self._most_s = max(spec.shape.seconds or spec.duration, SHORTEST_STAGE_S)
        answer_s = max((target.limit for target in spec.targets if target.name.startswith("p")), default=0.0) / 1000
        self._behind = min(answer_s, self._most_s / 2)  # younger samples may still be on their way to their limit
        self._strict = spec.evidence is Evidence.STRICT
        self._proved: set[int] = set()
        self._level = _Level(first, spec.load_begins)
        self._tried: list[Stage] = []
        self._over = False

    def phases(self) -> dict[Phase, tuple[float, float]]:
        """Levels are measured until the search is over."""
        return phases_until(self._spec, float("inf"))

    def commands(self) -> list[Command]:
        """The first level; the others follow by what it shows."""
        return rise(0.0, self._spec.ramp, 0, self._level.users)

    def stages(self) -> Sequence[Stage]:
        """The levels that were tried, and the one that is."""
        level = self._level
        if self._over or level.begin is None:
            return self._tried
        return [*self._tried, Stage(users_text(level.users), level.users, level.begin, float("inf"))]

    def steer(self, moment: Moment) -> list[Command]:
        """Hold the level, or order the next."""
        level = self._level
        if self._over:
            return []
        if level.begin is None:
            self._settle(moment)
            return []
        known = float(floor(moment.elapsed - self._behind))
        if known - level.begin < min(SHORTEST_STAGE_S, self._most_s):
            return []
        standing = moment.standing(level.begin, known)
        most_s = self._most_s * (PROOF if level.proof else 1)
        if not standing.decided and not standing.spoiled and known - level.begin < most_s:
            return []
        return self._conclude(moment.elapsed, standing)

    def _settle(self, moment: Moment) -> None:
        """A level is judged once its users are active and the surplus ones of the previous level have ended."""
        level = self._level
        waited = moment.elapsed - level.ordered
        if waited >= SETTLE_S and (moment.users <= level.users or waited >= PATIENCE_S):
            level.begin = float(ceil(moment.elapsed))

    def _conclude(self, elapsed: float, standing: Standing) -> list[Command]:
        level, at = self._level, elapsed + LEAD_S
        self._tried.append(replace(self.stages()[-1], end=float(floor(at))))
        if standing.spoiled and not level.again:
            self._level = _Level(level.users, at, proof=level.proof, again=True)
            return [Command(at, "users", level.users)]
        if not standing.spoiled:
            self._search.note(level.users, met=standing.met)
        elif not level.proof:  # a proof that was spoiled leaves what was found before
            self._search.note_unknown(level.users)
        if standing.decided or level.proof:
            self._proved.add(level.users)
        users = self._search.next() or self._to_prove()
        if users is None:
            self._over = True
            return [Command(at, "end")]
        self._level = _Level(users, at, proof=self._search.next() is None)
        return rise(at, SETTLE_S, level.users, users) if users > level.users else [Command(at, "users", users)]

    def _to_prove(self) -> int | None:
        """The level that was found, where strict evidence asks for more than it has."""
        best = self._search.best
        return best if self._strict and best and best not in self._proved else None
