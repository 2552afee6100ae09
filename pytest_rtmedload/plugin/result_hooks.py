"""The hooks that add to the results of a run or receive them, in the process that writes the results.

The rule: an error in a hook is one line among the problems that the summary shows, and never costs a result.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rtmedload.plugin.extensions import LONGEST, WrongAnswer, as_dict, as_list, ask
from pytest_rtmedload.report.files import SUFFIX, TAKEN, utf8
from pytest_rtmedload.text.formats import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pytest_rtmedload.plugin.extensions import HookResult
    from pytest_rtmedload.report.ci.publishers import CiServer
    from pytest_rtmedload.results.model import RunResult, TestResult


class ResultHooks:
    """What hooks add to the results of a run, in the process that writes them.

    Args:
        config: pytest's.
        redact: replaces secrets.
    """

    def __init__(self, config: pytest.Config, redact: Callable[[str], str]) -> None:
        self._config = config
        self._redact = redact
        self._judged: Counter[str] = Counter()
        self.problems: list[str] = []
        """What went wrong, one line each."""

    def machine(self) -> dict[str, str]:
        """Further facts about the machine."""
        facts: dict[str, str] = {}
        for answer in self._good("pytest_rtmedload_machine", as_dict):
            facts |= {name: self._redact(one_line(str(fact), LONGEST)) for name, fact in answer.value.items()}
        return facts

    def ci_servers(self, environment: Mapping[str, str]) -> list[CiServer]:
        """CI servers in addition to the built-in ones."""
        found = self._good("pytest_rtmedload_ci_servers", _servers, environment=environment)
        return [server for answer in found for server in answer.value]

    def reports(self, run: RunResult) -> dict[str, bytes]:
        """Further report files: ending → content."""
        files: dict[str, bytes] = {}
        for answer in self._good("pytest_rtmedload_reports", _files, run=run):
            files |= answer.value
        return files

    def judged(self, results: Iterable[TestResult]) -> None:
        """Call the hook for those results that it was not called for yet."""
        seen: Counter[str] = Counter()
        for result in results:
            seen[result.nodeid] += 1
            if seen[result.nodeid] > self._judged[result.nodeid]:
                deque(self._good("pytest_rtmedload_test_judged", bool, result=result), maxlen=0)
        self._judged = seen

    def _good(self, hook: str, read: Callable[[Any], Any], **arguments: Any) -> Iterator[HookResult]:
        """Answers that can be used; what goes wrong is a problem."""
        for answer in ask(self._config, hook, read, **arguments):
            if answer.error is None:
                yield answer
            elif answer.problem not in self.problems:
                self.problems.append(self._redact(answer.problem))


class JudgedHook:
    """A plugin of pytest: load tests that were reported are handed to `pytest_rtmedload_test_judged`.

    Args:
        tell: calls the hook for the new results.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self) -> None:
        """A test was reported."""
        self._tell()


def _servers(value: Any) -> list[CiServer]:
    servers = as_list(value)
    for server in servers:
        missing = [name for name in ("checkout", "annotate", "summarise") if not hasattr(server, name)]
        if missing:
            raise WrongAnswer(f"{server!r} is not a CiServer: it has no {', '.join(missing)}")
    return servers


def _files(value: Any) -> dict[str, bytes]:
    """Ending → content, as a file holds it."""
    files = as_dict(value)
    for suffix, content in files.items():
        if not SUFFIX.fullmatch(suffix) or suffix in TAKEN:
            raise WrongAnswer(f"{suffix!r} cannot be the ending of a report: write one of its own, such as '_calls.md'")
        if not isinstance(content, str | bytes):
            raise WrongAnswer(f"the content of {suffix!r} is neither text nor bytes")
    return {suffix: content if isinstance(content, bytes) else utf8(content) for suffix, content in files.items()}
