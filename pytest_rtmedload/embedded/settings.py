"""What can be set on the embedded agent, as `KEY=VALUE`.

The rule: one table names every key, its default and what it does; messages are made from it, and nothing else is
accepted. A key of one operation (`http.delay.health`) beats the key of all (`http.delay`), wherever it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from pytest_rtmedload.dialects import DEFAULT_DIALECT, Dialect, Operation, dialect_named
from pytest_rtmedload.embedded.distributions import Distribution, parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")

DEFAULT_DELAYS: Final = {
    # Every P99 is at most 70 % of the P95 target of API answers (150 ms), so that a healthy run passes on any machine.
    Operation.HEALTH: Distribution.parse("lognormal(3ms, 0.4)"),
    Operation.START_CALL: Distribution.parse("lognormal(25ms, 0.35)"),
    Operation.INBOUND: Distribution.parse("lognormal(20ms, 0.35)"),
    Operation.CALLBACKS: Distribution.parse("lognormal(8ms, 0.4)"),
    Operation.CALL_METRICS: Distribution.parse("lognormal(6ms, 0.4)"),
}


class Key(NamedTuple):
    """One thing that can be set."""

    name: str
    default: str
    text: str
    per_operation: bool = False
    """True: `name.<operation>` sets it for one operation."""

    def __str__(self) -> str:
        return f"{self.name}[.OPERATION]" if self.per_operation else self.name


KEYS: Final = {
    key.name: key
    for key in (
        Key("dialect", DEFAULT_DIALECT, "paths and answers of this agent version"),
        Key("port", "0", "TCP port on 127.0.0.1; 0 takes a free one"),
        Key("http.delay", "one per operation", "distribution of the time to answer", per_operation=True),
        Key("http.error_rate", "0", "share of requests answered 503", per_operation=True),
        Key("http.cut_rate", "0", "share of requests whose connection is reset, unanswered", per_operation=True),
        Key("http.stall", "none", "LENGTH@START: everything waits; START counts from the first request"),
        Key("slow_start", "none", "everything waits for this long after the first request"),
        Key("die_after", "never", "answers after which the process is killed by the next request"),
    )
}


@dataclass(frozen=True, slots=True)
class Pause:
    """Time in which the agent does nothing, in nanoseconds since its first request."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """How an embedded agent behaves. `pairs` and `seed` say all; the rest is what they mean."""

    pairs: tuple[str, ...]
    seed: int
    dialect: Dialect
    port: int
    delays: Mapping[Operation, Distribution]
    error_rates: Mapping[Operation, float]
    cut_rates: Mapping[Operation, float]
    pauses: tuple[Pause, ...]
    """In order of their start."""
    die_after: int | None

    @classmethod
    def parse(cls, pairs: Iterable[str] = (), seed: int = 0) -> EmbeddedSettings:
        """Read `KEY=VALUE` pairs; a later pair overrides an earlier one of the same key.

        Raises:
            ValueError: one line that names the key and what is allowed.
        """
        pairs = tuple(pairs)
        given = _Given(pairs)
        pauses = [
            given.one("slow_start", lambda text: Pause(0, parse_duration(text)), None),
            given.one("http.stall", _stall, None),
        ]
        return cls(
            pairs=pairs,
            seed=seed,
            dialect=given.one("dialect", dialect_named, dialect_named(DEFAULT_DIALECT)),
            port=given.one("port", lambda text: _number(text, 0, 65_535), 0),
            delays=given.each("http.delay", Distribution.parse, DEFAULT_DELAYS),
            error_rates=given.each("http.error_rate", _share, dict.fromkeys(Operation, 0.0)),
            cut_rates=given.each("http.cut_rate", _share, dict.fromkeys(Operation, 0.0)),
            pauses=tuple(sorted((pause for pause in pauses if pause), key=lambda pause: pause.start)),
            die_after=given.one("die_after", lambda text: _number(text, 1, 10**9), None),
        )

    @property
    def faults(self) -> str:
        """The injected faults as they were written, or `none`."""
        return " ".join(pair for pair in self.pairs if not pair.startswith(("dialect", "port", "http.delay"))) or "none"

    @property
    def latency(self) -> str:
        """The model of the delays: each operation and its distribution."""
        return ", ".join(f"{operation} {delay}" for operation, delay in self.delays.items())


class _Given:
    """The pairs by name, each of them known to the table."""

    def __init__(self, pairs: tuple[str, ...]) -> None:
        self._values: dict[str, str] = {}
        for pair in pairs:
            name, _, value = (part.strip() for part in pair.partition("="))
            general, _, operation = name.rpartition(".")
            for_one = operation in list(Operation) and general in KEYS and KEYS[general].per_operation
            if name not in KEYS and not for_one:
                known = ", ".join(map(str, KEYS.values()))
                raise ValueError(f"no embedded setting {name!r}: there are {known} (OPERATION: {', '.join(Operation)})")
            if not value:
                raise ValueError(f"embedded setting {name!r} has no value: write {name}=VALUE")
            self._values[name] = value

    def one(self, name: str, parse: Callable[[str], T], default: T) -> T:
        value = self._values.get(name)
        if value is None:
            return default
        try:
            return parse(value)
        except ValueError as error:
            raise ValueError(f"embedded setting {name}: {error}") from None

    def each(self, name: str, parse: Callable[[str], T], defaults: Mapping[Operation, T]) -> dict[Operation, T]:
        return {op: self.one(f"{name}.{op}", parse, self.one(name, parse, defaults[op])) for op in Operation}


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"{text!r} is no share: write a number from 0 to 1, such as 0.05")
    return share


def _number(text: str, lowest: int, highest: int) -> int:
    if not (text.isascii() and text.isdecimal()) or not lowest <= int(text) <= highest:
        raise ValueError(f"{text!r} is no whole number from {lowest} to {highest}")
    return int(text)


def _stall(text: str) -> Pause:
    length, at, start = text.partition("@")
    if not at:
        raise ValueError(f"{text!r} is no stall: write its length and its start, such as 2s@5s")
    return Pause(parse_duration(start), parse_duration(length))
