"""The settings of the embedded agent, as `KEY=VALUE`: one table for all parts.

The rule: the table names every key, its default and its effect; messages are made from it, and nothing else is
accepted. Every part is parsed up front, so that a wrong value for a service that starts later is reported at once. A
key of one operation (`http.delay.health`) takes precedence over the general key (`http.delay`), in any order.

A part (`llm.*`) is a frozen dataclass with `KEYS`, `parse(given)` and `model`, in its own module next to its code
(see `llm/settings.py`). It is added by its import and one line in `PARTS`; its process gets it back with
`EmbeddedSettings.parse(pairs, seed).part(LlmSettings)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, Self, TypeVar

from pytest_rtmedload.dialects import DEFAULT_DIALECT, Dialect, Operation, dialect_named
from pytest_rtmedload.embedded.calls.settings import VoiceSettings
from pytest_rtmedload.embedded.cosmos.settings import CosmosSettings
from pytest_rtmedload.embedded.distributions import DelayModel, parse_duration
from pytest_rtmedload.embedded.keys import PORT_MAX, Given, Key, Pause, Variants, number, share, stall
from pytest_rtmedload.embedded.llm.settings import LlmSettings
from pytest_rtmedload.embedded.speech.settings import SpeechSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class SettingsPart(Protocol):
    """The settings of one part."""

    KEYS: ClassVar[tuple[Key, ...]]

    @classmethod
    def parse(cls, given: Given) -> Self:
        """Read this part's keys."""

    @property
    def model(self) -> str:
        """One line for reports: its delays and limits."""


PARTS: Final[tuple[type[SettingsPart], ...]] = (VoiceSettings, LlmSettings, CosmosSettings, SpeechSettings)
"""One line each, in the order the help shows them."""

P = TypeVar("P", bound=SettingsPart)

DEFAULT_DELAYS: Final = {
    # Every P99 is at most 70 % of the P95 target of API answers (150 ms), so that a healthy run passes on any machine.
    Operation.HEALTH: DelayModel.parse("lognormal(3ms, 0.4)"),
    Operation.START_CALL: DelayModel.parse("lognormal(25ms, 0.35)"),
    Operation.INBOUND: DelayModel.parse("lognormal(20ms, 0.35)"),
    Operation.CALLBACKS: DelayModel.parse("lognormal(8ms, 0.4)"),
    Operation.CALL_METRICS: DelayModel.parse("lognormal(6ms, 0.4)"),
}
_OPERATIONS: Final = Variants("OPERATION", tuple(Operation))

AGENT_KEYS: Final = (
    Key("dialect", DEFAULT_DIALECT, "paths and answers of this agent version"),
    Key("port", "0", "TCP port on 127.0.0.1; 0 takes a free one"),
    Key("http.delay", "one per operation", "distribution of the time to answer", _OPERATIONS),
    Key("http.error_rate", "0", "share of requests answered 503", _OPERATIONS, fault=True),
    Key("http.cut_rate", "0", "share of requests whose connection is reset, unanswered", _OPERATIONS, fault=True),
    Key("http.stall", "none", "LENGTH@START: everything waits; START counts from the first request", fault=True),
    Key(
        "http.drift", "none", "every answer takes this much longer for each second since the first request", fault=True
    ),
    Key("http.capacity", "none", "requests a second; those beyond wait for their turn", fault=True),
    Key("slow_start", "none", "everything waits for this long after the first request", fault=True),
    Key("die_after", "never", "answers after which the process is killed by the next request", fault=True),
)
KEYS: Final = {key.name: key for key in (*AGENT_KEYS, *(key for part in PARTS for key in part.KEYS))}


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """The behaviour of an embedded agent and its services. All other fields are derived from `pairs` and `seed`."""

    pairs: tuple[str, ...]
    seed: int
    dialect: Dialect
    port: int
    delays: Mapping[Operation, DelayModel]
    error_rates: Mapping[Operation, float]
    cut_rates: Mapping[Operation, float]
    pauses: tuple[Pause, ...]
    """In order of their start."""
    drift: int
    """Nanoseconds by which every answer takes longer for each second since the first request."""
    turn: int
    """Nanoseconds that a request keeps all later ones waiting; 0: any number is answered at once."""
    die_after: int | None
    faults: str
    """The injected faults as they were written, or `none`."""
    parts: Mapping[type[SettingsPart], Any]

    @classmethod
    def parse(cls, pairs: Iterable[str] = (), seed: int = 0) -> EmbeddedSettings:
        """Read `KEY=VALUE` pairs; a later pair overrides an earlier one of the same key.

        Raises:
            ValueError: one line that names the key and what is allowed.
        """
        pairs = tuple(pairs)
        given = Given(pairs, KEYS.values())
        pauses = [
            given.one("slow_start", lambda text: Pause(0, parse_duration(text)), None),
            given.one("http.stall", stall, None),
        ]
        return cls(
            pairs=pairs,
            seed=seed,
            dialect=given.one("dialect", dialect_named, dialect_named(DEFAULT_DIALECT)),
            port=given.one("port", number(0, PORT_MAX), 0),
            delays=given.each("http.delay", DelayModel.parse, DEFAULT_DELAYS),
            error_rates=given.each("http.error_rate", share, dict.fromkeys(Operation, 0.0)),
            cut_rates=given.each("http.cut_rate", share, dict.fromkeys(Operation, 0.0)),
            pauses=tuple(sorted(pause for pause in pauses if pause)),
            drift=given.one("http.drift", parse_duration, 0),
            turn=given.one("http.capacity", lambda text: 1_000_000_000 // number(1)(text), 0),
            die_after=given.one("die_after", number(1), None),
            faults=" ".join(pair for pair in pairs if given.is_fault(pair)) or "none",
            parts={part: part.parse(given) for part in PARTS},
        )

    def part(self, kind: type[P]) -> P:
        """The settings of one part."""
        part: P = self.parts[kind]
        return part

    @property
    def latency(self) -> str:
        """The model of the delays: each operation and its distribution."""
        return ", ".join(f"{operation} {delay}" for operation, delay in self.delays.items())
