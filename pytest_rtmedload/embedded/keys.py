"""Building blocks of `KEY=VALUE` settings: a key, the pairs that were given, and the parsers several parts share.

The rule: a part of the embedded agent names its keys next to the code they control; a pair is checked against all keys
of all parts before anything starts, and a wrong one is reported in one line that names the key and the allowed values.

    KEYS = (Key("llm.ttft", "lognormal(220ms, 0.27)", "time to the first token"), Key("llm.rpm", "0", "…", fault=True))

    @classmethod
    def parse(cls, given: Given) -> Self:
        return cls(ttft=given.one("llm.ttft", Distribution.parse, DEFAULT_TTFT), rpm=given.one("llm.rpm", number(0), 0))
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pytest_rtmedload.embedded.distributions import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")
K = TypeVar("K", bound=str)

PORT_MAX = 65_535


class Variants(NamedTuple):
    """The items a key can be set for individually: `http.delay` of the operation `health` is `http.delay.health`."""

    label: str
    """As messages show it: `OPERATION`."""
    names: tuple[str, ...]


class Key(NamedTuple):
    """One setting."""

    name: str
    default: str
    """As the help shows it; the value itself stands where the key is parsed."""
    text: str
    variants: Variants | None = None
    """If given, `name.<variant>` sets it for one of them and takes precedence over `name`."""
    fault: bool = False
    """True if setting it injects a fault, which reports mention."""

    def __str__(self) -> str:
        return f"{self.name}[.{self.variants.label}]" if self.variants else self.name


class Pause(NamedTuple):
    """Time in which nothing proceeds, in nanoseconds since the first request."""

    start: int
    length: int


class Given:
    """The pairs by name, each of them known to the keys; a later pair overrides an earlier one of the same key.

    Raises:
        ValueError: a pair without a value, or of a key that does not exist.
    """

    def __init__(self, pairs: Iterable[str], keys: Iterable[Key]) -> None:
        self._keys = {key.name: key for key in keys}
        self._values: dict[str, str] = {}
        for pair in pairs:
            name, _, value = (part.strip() for part in pair.partition("="))
            if self.key_of(name) is None:
                raise ValueError(f"no embedded setting {name!r}: {self._known(name)}")
            if not value:
                raise ValueError(f"embedded setting {name!r} has no value: write {name}=VALUE")
            self._values[name] = value

    def key_of(self, name: str) -> Key | None:
        """The key that is set by writing this name."""
        general, _, variant = name.rpartition(".")
        several = self._keys.get(general)
        if several is not None and several.variants is not None and variant in several.variants.names:
            return several
        return self._keys.get(name)

    def is_fault(self, pair: str) -> bool:
        """True if a given pair injects a fault."""
        key = self.key_of(pair.partition("=")[0].strip())
        return key is not None and key.fault

    def one(self, name: str, parse: Callable[[str], T], default: T) -> T:
        """The value of a key, parsed; `default` when it was not given.

        Raises:
            ValueError: the parser refused the value; the text names the key.
        """
        value = self._values.get(name)
        if value is None:
            return default
        try:
            return parse(value)
        except ValueError as error:
            raise ValueError(f"embedded setting {name}: {error}") from None

    def each(self, name: str, parse: Callable[[str], T], defaults: Mapping[K, T]) -> dict[K, T]:
        """The value for each variant: its own key, else the general key, else its default."""
        return {
            variant: self.one(f"{name}.{variant}", parse, self.one(name, parse, default))
            for variant, default in defaults.items()
        }

    def _known(self, name: str) -> str:
        """The existing keys: those that share the first word, else all first words."""
        guess = difflib.get_close_matches(name, self._keys, n=1)
        meant = f"did you mean {guess[0]}? " if guess else ""
        near = [key for key in self._keys.values() if key.name.startswith(_first(name))]
        if not near:
            return f"{meant}there are {', '.join(dict.fromkeys(map(_family, self._keys)))}"
        labels = {key.variants for key in near if key.variants is not None}
        ones = "".join(f" ({label}: {', '.join(names)})" for label, names in sorted(labels))
        return f"{meant}there are {', '.join(map(str, near))}{ones}"


def _family(name: str) -> str:
    """`http.*` for `http.delay`; `port` for `port`."""
    first = _first(name)
    return f"{first}*" if first.endswith(".") else first


def _first(name: str) -> str:
    """The first word of a key, as far as its dot: `http.`; of a key without one, all of it."""
    return "".join(name.partition(".")[:2])


def share(text: str) -> float:
    """A share from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError(f"{text!r} is not a share: write a number from 0 to 1, such as 0.05")
    return value


def number(lowest: int, highest: int = 10**9) -> Callable[[str], int]:
    """A parser of whole numbers from `lowest` to `highest`."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or not lowest <= int(text) <= highest:
            raise ValueError(f"{text!r} is not a whole number from {lowest} to {highest}")
        return int(text)

    return parse


def choice(*allowed: str) -> Callable[[str], str]:
    """A parser of one of these words."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"{text!r} is none of {', '.join(allowed)}")
        return text

    return parse


def stall(text: str) -> Pause:
    """A pause written as its length and its start: `2s@5s`."""
    length, at, start = text.partition("@")
    if not at:
        raise ValueError(f"{text!r} is not a stall: write its length and its start, such as 2s@5s")
    return Pause(parse_duration(start), parse_duration(length))
