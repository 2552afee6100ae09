"""What pytest remembers of failures (`--last-failed`): a load test that was not requested keeps its entry.

Pytest forgets the failure of a test that is skipped, which is what happens to load tests in a run that is about other
tests.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import pytest

KEY: Final = "cache/lastfailed"
"""Where pytest's cache keeps node ids of tests that failed."""


def last_failed(config: pytest.Config) -> set[str]:
    """Node ids of the tests that failed when they ran last; empty without pytest's cache."""
    cache = getattr(config, "cache", None)
    return set() if cache is None else set(cache.get(KEY, {}) or {})


@contextlib.contextmanager
def remembered(config: pytest.Config, deselected: Collection[str]) -> Iterator[None]:
    """Around the end of the session, at which pytest writes its cache.

    Args:
        config: pytest's.
        deselected: node ids of the load tests that this plugin skipped.
    """
    kept = last_failed(config).intersection(deselected) if deselected else set()
    yield
    if kept and config.cache is not None:
        now = config.cache.get(KEY, {}) or {}
        if not kept <= now.keys():
            config.cache.set(KEY, now | dict.fromkeys(sorted(kept), True))
