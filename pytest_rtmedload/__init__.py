"""A pytest plugin that load-tests real-time voice agents, with performance assertions."""

from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.workload.user_fixture import user_fixture

__all__ = ["Verdict", "user_fixture"]
