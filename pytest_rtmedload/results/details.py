"""Parts of a result other than verdict and percentiles: changes over time, slow operations, examples of calls.

As in the model: what could not be measured is None, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pytest_rtmedload.text.comparisons import number

WORTH_TELLING: Final = 0.25
"""Other processes' use is reported from this many cores on: less is normal on every machine."""


@dataclass(frozen=True, slots=True)
class CapacityResult:
    """How many concurrent users the agent holds: proved, likely and missed, by the levels that were tried."""

    users: int | None
    """The capacity: proved at this number, missed above it. None unless both are known."""
    met: int | None
    """Most users at which the evidence shows that the targets were met: proved."""
    missed: int | None
    """Fewest users at which they were not; None when the search ended before that."""
    text: str
    """The finding in one line."""
    likely: int | None = None
    """Most users above `met` at which they seem to be met, without enough evidence."""
    unknown: list[int] = field(default_factory=list)
    """Numbers of users that were tried, and spoiled by the load generator each time."""


@dataclass(frozen=True, slots=True)
class DriftResult:
    """True if the last third of the measured phase was slower than the first."""

    metric: str
    percentile: str
    """`p50` or `p95`."""
    first_ms: float | None
    last_ms: float | None
    first_bounds_ms: tuple[float | None, float | None]
    last_bounds_ms: tuple[float | None, float | None]
    drifted: bool
    """Slower, by more than 10 % and 5 ms, and separated: the 95 % bounds do not overlap."""
    text: str


@dataclass(frozen=True, slots=True)
class SlowOperation:
    """One of the slowest operations of a metric, to look for in the agent's own log."""

    metric: str
    tag: str
    ms: float
    second: int
    """Whole seconds since the start line, by intended start."""
    user: int
    """Index of the virtual user."""
    id: str
    """The call it was made in, or another name the agent knows it by; empty where there is none."""
    outcome: str
    """`ok`, or `censored`: it took longer than that."""


@dataclass(frozen=True, slots=True)
class ConversationTurn:
    """One turn of a call, as it was heard. Milliseconds since the call was connected; what did not happen is None."""

    utterance: str
    """Name of the line the caller spoke; empty for the greeting."""
    said: str
    """Its words."""
    answer: str
    """The answer's words, where the agent reports them."""
    speech_begin_ms: float | None
    speech_end_ms: float | None
    endpointing_ms: float | None
    """How long the agent waited to be sure that the caller had finished, where it reports that."""
    onset_ms: float | None
    """The answer began to be heard."""
    end_ms: float | None
    """The last of it sounded."""
    loop_ms: float | None
    """`voice.loop` of this turn."""
    problem: str
    """Why it is not a valid answer; empty when it is valid."""
    interrupted: bool


@dataclass(frozen=True, slots=True)
class ConversationResult:
    """A call, turn by turn, as an example of all calls of a test."""

    kind: str
    """`typical` or `slow`: by the median of its `voice.loop` among all calls."""
    call: str
    """The id that was sent to the agent."""
    tag: str
    """The scenario, where the test is tagged with one."""
    duration_ms: float
    turns: list[ConversationTurn]


@dataclass(frozen=True, slots=True)
class LagCause:
    """One cause of lag, and how much lag it explains."""

    cause: str
    """A `Cause`."""
    place: str
    """Function, file and line; empty where none is known."""
    ms: float


@dataclass(frozen=True, slots=True)
class LagResult:
    """Lag above the limit, what caused it, and what used the processors at the time; over all shards."""

    total_ms: float
    """Measured time with lag above the limit."""
    lost_percent: float | None
    """Of their time, what the users of a closed test lost to it; None in the open model."""
    cause: str | None
    """The one that explains most; None without such lag."""
    text: str
    """The same in words, with numbers; empty without such lag."""
    remedy: str = ""
    """What to do about it."""
    causes: list[LagCause] = field(default_factory=list)
    """The largest, largest first."""
    cores: int | None = None
    """Of the machine; this and the next two are None where the system does not report it."""
    other_cores: float | None = None
    """What processes that do not belong to the run used of them."""
    agent_cores: float | None = None
    """What the embedded agent used of them."""

    @property
    def others(self) -> str:
        """What other processes used, in words; empty where that is little or not known."""
        if self.other_cores is None or self.other_cores < WORTH_TELLING:
            return ""
        return f"other processes used {number(self.other_cores)} of {self.cores} cores"


@dataclass(frozen=True, slots=True)
class ErrorResult:
    """Errors with the same message."""

    message: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class CallTape:
    """A call that was written down; paths are relative to the folder of the results."""

    call: str
    """The id that was sent to the agent."""
    wav: str
    """Stereo: the caller left, the agent as it was heard right."""
    picture: str
    """SVG: both, and what was measured."""
    moments: str
    """JSON: the same in numbers."""
