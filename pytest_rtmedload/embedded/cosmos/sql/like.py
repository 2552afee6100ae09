"""The patterns of LIKE, as regular expressions.

The rule: the text between two `%` is matched at its first occurrence and never retried (an atomic group): that finds
every match, in linear time for any pattern.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pytest_rtmedload.embedded.cosmos.errors import bad_request


@lru_cache(maxsize=256)
def like_pattern(pattern: str, escape: str) -> re.Pattern[str]:
    """`%` any text, `_` any character, `[a-f]` one of these, `[^a-f]` none of these; `escape` makes one literal.

    Raises:
        CosmosError: 400, a range that goes backwards.
    """
    first, *others = _parts(pattern, escape)
    made = first
    if others:
        made += "".join(f"(?>.*?{part})" for part in others[:-1]) + f".*{others[-1]}"
    try:
        return re.compile(made, re.DOTALL)
    except re.error as error:
        raise bad_request(f"the LIKE pattern {pattern!r} is invalid: {error}") from None


def _parts(pattern: str, escape: str) -> list[str]:
    """The regular expressions of the parts between the `%`."""
    parts, at = [""], 0
    while at < len(pattern):
        one, closing = pattern[at], pattern.find("]", at + 2)
        if escape and one == escape and at + 1 < len(pattern):
            at += 1
            parts[-1] += re.escape(pattern[at])
        elif one == "[" and closing > 0:
            parts[-1] += _characters(pattern[at + 1 : closing])
            at = closing
        elif one == "%":
            parts.append("")
        else:
            parts[-1] += "." if one == "_" else re.escape(one)
        at += 1
    return parts


def _characters(inner: str) -> str:
    negated = inner.startswith("^") and len(inner) > 1
    escaped = re.escape(inner[negated:]).replace("\\-", "-")
    return f"[{'^' if negated else ''}{escaped}]"
