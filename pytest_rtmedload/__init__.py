"""A pytest plugin that load-tests real-time voice agents, with performance assertions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_rtmedload.config import LoadConfig
    from pytest_rtmedload.results.model import Verdict
    from pytest_rtmedload.workload.user_fixture import user_fixture

__all__ = ["LoadConfig", "Verdict", "user_fixture"]


def __getattr__(name: str) -> object:
    """Import public names where they are used: pytest imports this package in every run."""
    if name == "user_fixture":
        from pytest_rtmedload.workload.user_fixture import user_fixture  # noqa: PLC0415 - see above

        return user_fixture
    if name == "LoadConfig":
        from pytest_rtmedload.config import LoadConfig  # noqa: PLC0415 - see above

        return LoadConfig
    if name == "Verdict":
        from pytest_rtmedload.results.model import Verdict  # noqa: PLC0415 - see above

        return Verdict
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
