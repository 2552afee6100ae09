"""Names of metrics are bounded: ids in URLs would make as many metrics as there are ids.

The rule: the first 200 names of a test are kept as they are. A later one is folded: the segments that vary among the
known names, and those that look like ids, become `{…}`; a name without such a segment is counted under `other`. When
the test is judged, known names of the same pattern join it, so that the report shows one metric and not 201. What
targets name, and the metrics of the measured clients, are never folded.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.histogram import Histogram
from pytest_rtmedload.results.names import ITERATION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pytest_rtmedload.results.recording import Recording

MOST_NAMES: Final = 200
MOST_PATTERNS: Final = 50
"""Most patterns kept, in addition to the names."""
MOST_VALUES: Final = 20
"""A segment with more values than this varies."""
ANY: Final = "{…}"
"""Stands for a segment that varies."""
OTHER: Final = "other"

_SEPARATOR: Final = re.compile(r"([ /:=])")
_ID: Final = re.compile(r"\d+|(?=.*\d)[0-9a-fA-F]{8,}|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_DIGITS: Final = re.compile(r"\d+")
_OF_CLIENTS: Final = re.compile(r"(?:ws|voice|stt|tts|llm|redis|cosmos)\.[a-z_.]+")


class Folding:
    """The parts that vary among some names.

    Args:
        names: the names to learn from.
    """

    def __init__(self, names: Iterable[str]) -> None:
        values: dict[tuple[str, ...], list[set[str]]] = {}
        for name in names:
            parts = _SEPARATOR.split(name)
            tokens = parts[::2]
            seen = values.setdefault(_kind(parts), [set() for _ in tokens])
            for known, token in zip(seen, tokens, strict=True):
                known.add(token)
        self._varying = {
            kind: frozenset(place for place, known in enumerate(seen) if len(known) > MOST_VALUES)
            for kind, seen in values.items()
        }

    def pattern(self, name: str) -> str:
        """The name with `{…}` in place of ids and of segments that vary; the name itself when there are none."""
        parts = _SEPARATOR.split(name)
        varying = self._varying.get(_kind(parts), frozenset())
        if len(parts) == 1:  # a single word: folding it would leave no information
            return ANY if _ID.fullmatch(name) else name
        for index in range(0, len(parts), 2):
            if index // 2 in varying or _ID.fullmatch(parts[index]):
                parts[index] = ANY
        return "".join(parts)

    def fold(self, name: str) -> str:
        """The pattern under which a name that cannot be kept is counted."""
        pattern = self.pattern(name)
        if pattern == name:
            pattern = _DIGITS.sub(ANY, name)
        return pattern if pattern != name else OTHER


class BoundedNames:
    """The names of one test in one process.

    Args:
        keep: never folded.
    """

    def __init__(self, keep: Iterable[str] = ()) -> None:
        self._kept = {ITERATION, *keep}
        self._known: set[str] = set()
        self._patterns: set[str] = set()
        self._folding: Folding | None = None

    @property
    def folded(self) -> bool:
        """True if a name was folded."""
        return self._folding is not None

    def name(self, name: str) -> str:
        """The name to record under."""
        if name in self._known:
            return name
        if len(self._known) < MOST_NAMES or _stays(name, self._kept):
            self._known.add(name)
            return name
        if self._folding is None:
            self._folding = Folding(self._known)
        pattern = self._folding.fold(name)
        if pattern not in self._patterns:
            if len(self._patterns) >= MOST_PATTERNS:
                return OTHER
            self._patterns.add(pattern)
        return pattern


def fold_names(recording: Recording, keep: Collection[str] = ()) -> str | None:
    """Let the names of a recording that had too many join their patterns.

    Args:
        recording: changed in place.
        keep: never folded.

    Returns:
        A note that names the patterns; None when there were not too many.
    """
    names = recording.metrics()
    if len(names) <= MOST_NAMES and not any(ANY in name or name == OTHER for name in names):
        return None
    folding, kept = Folding(names), {ITERATION, *keep}
    renamed = {name: name if _stays(name, kept) else folding.pattern(name) for name in names}
    for name in list(dict.fromkeys(renamed.values()))[MOST_NAMES + MOST_PATTERNS :]:  # of many shards
        renamed.update({old: OTHER for old, new in renamed.items() if new == name and not _stays(old, kept)})
    _rename(recording, renamed)
    patterns = sorted({new for new in renamed.values() if ANY in new or new == OTHER})
    if not patterns:
        return None
    more = f" and {len(patterns) - 3} more" if len(patterns) > 3 else ""
    return (
        f"more than {MOST_NAMES} metrics: their samples are counted as {', '.join(patterns[:3])}{more}; "
        "give requests whose URLs hold ids one name, such as name='GET /item/{id}'"
    )


def _kind(parts: list[str]) -> tuple[str, ...]:
    """Names of one kind have the same separators and, where there is more, the same first word."""
    return (parts[0] if len(parts) > 1 else "", *parts[1::2])


def _stays(name: str, kept: Collection[str]) -> bool:
    return name in kept or _OF_CLIENTS.fullmatch(name) is not None


def _rename(recording: Recording, renamed: dict[str, str]) -> None:
    series, recording.series = recording.series, {}
    for key, cells in series.items():
        mine = recording.cells(key._replace(metric=renamed[key.metric]))
        for cell, histogram in cells.items():
            if cell in mine:
                mine[cell].merge(histogram)
            else:
                mine[cell] = Histogram.merged((histogram,))
    calls, recording.calls = recording.calls, defaultdict(list)
    for key, samples in calls.items():
        recording.calls[key._replace(metric=renamed.get(key.metric, key.metric))].extend(samples)
    recording.calls = dict(recording.calls)
    recording.slowest.rename(renamed)
