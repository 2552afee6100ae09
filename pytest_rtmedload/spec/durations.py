"""Durations and rates as people write them: `30`, `"30s"`, `"500ms"`, `"5m"`, `"1h"`; `200`, `"200/s"`, `"30/m"`."""

from __future__ import annotations

import re

_UNITS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_PATTERN = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*")


def seconds(value: float | str) -> float:
    """A duration in seconds.

    Raises:
        ValueError: not a number, an unknown unit, negative, or not finite.
    """
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is not a duration: use seconds or text such as '30s', '500ms', '5m'")  # noqa: TRY004 - one kind of error for all
    if isinstance(value, int | float):
        if not 0 <= value < float("inf"):
            raise ValueError(f"{value!r} is not a duration: it must be finite and not negative")
        return float(value)
    match = _PATTERN.fullmatch(value.lower())
    if match is None or match[2] not in _UNITS:
        raise ValueError(f"{value!r} is not a duration: use seconds or text such as '30s', '500ms', '5m'")
    return float(match[1]) * _UNITS[match[2]]


def some_seconds(value: float | str) -> float:
    """A duration in seconds that is not 0.

    Raises:
        ValueError: not a duration, or 0.
    """
    found = seconds(value)
    if not found:
        raise ValueError(f"{value!r}: a duration above 0 is needed")
    return found


def per_second(value: float | str) -> float:
    """An arrival rate per second.

    Raises:
        ValueError: not a number above 0, or not per second, minute or hour.
    """
    number, _, unit = value.partition("/") if isinstance(value, str) else (value, "", "")
    try:
        rate = float(number) / _UNITS[str(unit).strip().lower() or "s"]
    except (KeyError, TypeError, ValueError):
        rate = 0.0
    if isinstance(value, bool) or not 0 < rate < float("inf"):
        raise ValueError(f"{value!r} is not an arrival rate: a number above 0, such as 200, '200/s' or '30/m'")
    return rate
