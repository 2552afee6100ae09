"""The exceptions behind an exception: what it was raised from, what it wraps, and the members of a group.

The rule: clients hide what happened in many places (`__cause__`, `__context__`, `reason`, the arguments), and `from
None` hides it from readers only. All of them are searched, each once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LINKS: Final = 200
"""Longer chains come from retries; their first members are the relevant ones."""


def links(error: BaseException | None) -> Iterator[BaseException]:
    """The exception itself, then all those behind it, nearest first."""
    seen: set[int] = set()
    waiting = [] if error is None else [error]
    while waiting and len(seen) < MOST_LINKS:
        link = waiting.pop(0)
        if id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += _behind(link)


def _behind(error: BaseException) -> list[BaseException]:
    members = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    # `reason` is urllib3's (MaxRetryError), the arguments are those of requests (ConnectionError)
    kept = getattr(error, "__dict__", {}).get("reason")  # properties of foreign classes are not read: they may warn
    hidden = (error.__cause__, error.__context__, kept, *error.args)
    return [*members, *(one for one in hidden if isinstance(one, BaseException))]
