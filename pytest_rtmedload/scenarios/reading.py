"""Reads scenarios from TOML files, and assigns them to callers."""

from __future__ import annotations

import tomllib
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.audio import ClipError, clip_from
from pytest_rtmedload.scenarios.model import DEADLINE_S, Priority, Scenario, ScenarioError, TurnPlan

if TYPE_CHECKING:
    import os
    import random
    from collections.abc import Mapping, Sequence

_FIELDS: Final = ("title", "priority", "weight", "turns", "escalates")
_TURN_FIELDS: Final = ("say", "expect", "deadline", "interrupts", "think")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}


@cache
def shipped() -> dict[str, Scenario]:
    """The scenarios of the standard suite by id."""
    return read_scenarios(Path(__file__).with_name("shipped.toml"))


def read_scenarios(path: str | os.PathLike[str]) -> dict[str, Scenario]:
    """The scenarios of a TOML file by id, in the order of the file. WAV files are looked up in the same folder.

    Raises:
        ScenarioError: the file, or one of them, is wrong.
    """
    where = Path(path)
    try:
        tables = tomllib.loads(where.read_text("utf-8"))
    except OSError as error:
        raise ScenarioError(f"{where}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{where}: not TOML: {error}") from None
    if not tables:
        raise ScenarioError(f"{where}: no scenario in it: begin one with [its_id]")
    return {
        name: _Reader(f"{where.name}: {name}", where.parent).scenario(name, table) for name, table in tables.items()
    }


class Deck:
    """Assigns scenarios to callers: each once in their order, then by weight.

    Every process does this independently, so that a test on several shards meets each scenario in each of them.
    """

    def __init__(self, scenarios: Sequence[Scenario]) -> None:
        self._scenarios = list(scenarios)
        self._weights = [scenario.weight for scenario in scenarios]
        self._dealt = count()

    def deal(self, chance: random.Random) -> Scenario:
        """The next caller's scenario."""
        number = next(self._dealt)
        if number < len(self._scenarios):
            return self._scenarios[number]
        return chance.choices(self._scenarios, self._weights)[0]


class _Reader:
    """Reads one scenario; `at` names it in messages."""

    def __init__(self, at: str, folder: Path) -> None:
        self._at = at
        self._folder = folder

    def scenario(self, name: str, table: object) -> Scenario:
        if not isinstance(table, dict):
            raise self._wrong(f"not a scenario: write [{name}] with {', '.join(_FIELDS)}")
        self._check_fields(table, _FIELDS, "scenario")
        turns = table.get("turns")
        if not isinstance(turns, list) or not turns:
            raise self._wrong("no turns: a caller has to say something")
        return Scenario(
            id=name,
            title=str(table.get("title", name)),
            priority=self._priority(table.get("priority", Priority.NORMAL)),
            weight=self._weight(table.get("weight", 1)),
            turns=tuple(self._turn(number, turn) for number, turn in enumerate(turns, 1)),
            escalates=self._words("escalates", table.get("escalates", [])),
        )

    def _turn(self, number: int, turn: object) -> TurnPlan:
        at = f"turn {number}"
        if not isinstance(turn, dict) or "say" not in turn:
            raise self._wrong(f'{at}: says nothing: write {{ say = "name of an utterance" }}')
        self._check_fields(turn, _TURN_FIELDS, at)
        said = str(turn["say"])
        beside = self._folder / said
        try:
            clip = clip_from(beside if beside.suffix == ".wav" and beside.exists() else said)
        except ClipError as error:
            raise self._wrong(f"{at}: {error}") from None
        deadline = self._seconds(at, "deadline", turn.get("deadline", DEADLINE_S))
        if deadline * 1000 <= clip.voiced_end_ms:
            speaks = clip.voiced_end_ms / 1000
            raise self._wrong(
                f"{at}: a deadline of {deadline:g} s is over before {said!r} is ({speaks:.1f} s): "
                "it counts from the beginning of the utterance"
            )
        interrupts = None if "interrupts" not in turn else self._seconds(at, "interrupts", turn["interrupts"])
        if interrupts is not None and number == 1:
            raise self._wrong(f"{at}: there is no answer to interrupt yet")
        think = self._seconds(at, "think", turn.get("think", 0))
        return TurnPlan(clip, self._words(f"{at}: expect", turn.get("expect", [])), deadline, interrupts, think)

    def _priority(self, given: object) -> Priority:
        if given not in list(Priority):
            raise self._wrong(f"priority {given!r} is not one of {', '.join(Priority)}")
        return Priority(str(given))

    def _weight(self, given: object) -> float:
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < float("inf"):
            raise self._wrong(f"weight {given!r} is not a number above 0")
        return float(given)

    def _words(self, what: str, given: object) -> tuple[str, ...]:
        if not isinstance(given, list) or not all(isinstance(word, str) and word for word in given):
            raise self._wrong(f'{what} is not a list of words: write ["pain", "911"]')
        return tuple(given)

    def _seconds(self, at: str, what: str, given: object) -> float:
        if isinstance(given, int | float) and not isinstance(given, bool) and given >= 0:
            return float(given)
        if isinstance(given, str):
            number = given.rstrip("sm ")
            unit = given[len(number) :].strip()
            if unit in _UNITS and number.replace(".", "", 1).isdecimal():
                return float(number) * _UNITS[unit]
        raise self._wrong(f'{at}: {what} {given!r} is not a time: write 3 or "3s" or "500ms"')

    def _check_fields(self, table: Mapping[str, Any], known: Sequence[str], what: str) -> None:
        unknown = next((name for name in table if name not in known), None)
        if unknown is not None:
            raise self._wrong(f"{what}: no field {unknown!r}; there are {', '.join(known)}")

    def _wrong(self, why: str) -> ScenarioError:
        return ScenarioError(f"{self._at}: {why}")
