"""`load_run`: a load test as a call, whose result the test judges itself."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

from pytest_rtmedload.plugin.load_tests import conclude
from pytest_rtmedload.plugin.marker import checked, group_of, marker_arguments
from pytest_rtmedload.plugin.sizing import load_spec
from pytest_rtmedload.results.histogram import Histogram, rank_of
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.users.fan_out import LOAD
from pytest_rtmedload.users.threads import on_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from pytest_rtmedload.plugin.load_tests import Tests
    from pytest_rtmedload.shards.messages import Judged
    from pytest_rtmedload.spec.load_config import LoadConfig


class LoadResult:
    """What a load test measured, over all shards, in its measured phase.

    Args:
        entry: the test's entry of the JSON result.
    """

    def __init__(self, entry: dict[str, Any]) -> None:
        self.entry = entry
        """Everything: the test's entry of the JSON result."""
        self.verdict: str = entry["verdict"]
        """PASS, FAIL, INCONCLUSIVE or INVALID."""
        self.n: int = entry["iterations"]
        """Iterations."""
        self.rate: float = entry["rate"] or 0.0
        """Iterations per second."""

    @property
    def errors(self) -> float:
        """Share of iterations that failed or never ended, 0 … 1; 1 when there were none."""
        return (self.entry["failed"] + self.entry["censored"]) / self.n if self.n else 1.0

    def p(self, percent: float, metric: str = ITERATION) -> float:
        """A percentile of a metric in milliseconds.

        Infinite when it falls among operations that never answered; not a number without samples, so that every
        comparison with it fails.

        Args:
            percent: such as 95 or 99.9.
            metric: its name.

        Raises:
            KeyError: the metric was not recorded; the message names those that were.
        """
        metrics = self.entry["metrics"]
        if metric not in metrics:
            raise KeyError(f"{metric!r} was not recorded; recorded were {', '.join(metrics) or 'no metrics'}")
        found = metrics[metric]
        ok = Histogram.decode(found["histogram"])
        n = ok.count + found["censored"]
        if not n:
            return float("nan")
        value = ok.at_rank(rank_of(percent / 100, n))
        return float("inf") if value is None else value / 1000

    def __repr__(self) -> str:
        return f"<load test {self.verdict}: {self.n} iterations, {self.rate:.1f}/s>"


class LoadRun:
    """What the `load_run` fixture gives to an async test.

    Args:
        item: the test that asks for it.
        tests: runs load tests in this process.
        options: the options.
    """

    def __init__(self, item: pytest.Function, tests: Callable[[], Tests], options: LoadConfig) -> None:
        self._item = item
        self._tests = tests
        self._options = options
        self._calls = 0
        self.finished = 0
        """Load tests that came to a verdict."""

    async def __call__(self, body: Callable[..., Any], **arguments: Any) -> LoadResult:
        """Let virtual users run `body` and return what was measured.

        Args:
            body: plain or async; may ask for `load` and for user fixtures that the test asks for.
            **arguments: those of the `load` marker; sizes left out come from the marker, the options and the suite.

        Raises:
            ValueError: a wrong argument, in one line.
            BaseException: pytest's failure when the verdict fails the test: a target given here was missed, errors
                are above their limit, or the load generator could have changed the verdict.
        """
        judged = await self._judged(body, arguments)
        self.finished += 1
        self._item.user_properties.extend(judged.properties)
        conclude(judged)
        return LoadResult(judged.result)

    async def _judged(self, body: Callable[..., Any], arguments: dict[str, Any]) -> Judged:
        self._calls += 1
        where = f"{self._item.nodeid}: load_run"
        given = checked(where, arguments, self._item.config).over(marker_arguments(self._item))
        nodeid = self._item.nodeid if self._calls == 1 else f"{self._item.nodeid}#{self._calls}"
        spec = load_spec(nodeid, group_of(self._item, given), given, self._options)
        asynchronous = inspect.iscoroutinefunction(body)
        return await self._tests().judged(spec, body if asynchronous else on_threads(body), self._needs(body))

    def _needs(self, body: Callable[..., Any]) -> dict[str, Any]:
        """What the body asks for by name."""
        known = {**self._item.funcargs, "load": LOAD}
        names = [
            name
            for name, parameter in inspect.signature(body).parameters.items()
            if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
        ]
        for name in names:
            if name not in known:
                raise ValueError(
                    f"{self._item.nodeid}: load_run: the body asks for {name!r}; it can have load, and what the test "
                    "itself asks for; give it other values with functools.partial"
                )
        return {name: known[name] for name in names}


class BlockingLoadRun(LoadRun):
    """What the `load_run` fixture gives to a plain test: the same call, which waits."""

    def __call__(self, body: Callable[..., Any], **arguments: Any) -> LoadResult:  # type: ignore[override]  # waits
        """As `LoadRun`, without `await`."""
        with asyncio.Runner() as runner:
            return runner.run(super().__call__(body, **arguments))
