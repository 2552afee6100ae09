"""Runs load tests in one process: finds the agent, hands each test to the worker, ends it as its verdict says."""

from __future__ import annotations

import contextlib
import functools
import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import pytest

from pytest_rtmedload.agent_provider import AgentUnderTest
from pytest_rtmedload.backends.resolve import NotNamed, find
from pytest_rtmedload.plugin.output_limits import bounded_logs
from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.plan import Evidence
from pytest_rtmedload.shards.load_test import LoadTest, Refused, own_version
from pytest_rtmedload.shards.messages import Collected, Hello
from pytest_rtmedload.shards.worker import Worker
from pytest_rtmedload.users.user_fixture import FixtureValues

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pytest_rtmedload.plugin.interrupts import Interrupts
    from pytest_rtmedload.shards.link import Link
    from pytest_rtmedload.shards.messages import Judged, ToCoordinator, ToWorker
    from pytest_rtmedload.spec.endpoints import Endpoint
    from pytest_rtmedload.spec.load_config import LoadConfig
    from pytest_rtmedload.spec.load_spec import LoadSpec

Found = TypeVar("Found")
FICTIONAL_NUMBER: Final = "+15550100000"
"""555-0100 … 555-0199 are reserved for fiction; the embedded agent dials no numbers anyway."""


class Tests:
    """Runs load tests in this process, as one of the coordinator's workers.

    Args:
        link: leads to the coordinator.
        options: the options.
        interrupts: what this process does about signals.
    """

    def __init__(self, link: Link[ToCoordinator, ToWorker], options: LoadConfig, interrupts: Interrupts) -> None:
        self._options = options
        self._interrupts = interrupts
        self._worker = Worker(link, options)

    def announce(self, nodeids: list[str]) -> Worker:
        """Report the collected load tests to the coordinator; returns the object that talks to it."""
        self._worker.tell(Hello(own_version()))
        self._worker.tell(Collected(nodeids))
        return self._worker

    def agent(self) -> AgentUnderTest:
        """The agent under test, started if none is named; without one the test errs, later ones are skipped."""
        agent = _found(self._worker.find_agent)
        allowed = self._options.call_number if self._options.allow_calls else None
        number = FICTIONAL_NUMBER if agent.embedded else allowed
        return AgentUnderTest(agent.url, self._options.wire, agent.embedded, number)

    def service(self, name: str) -> dict[str, str]:
        """`url` and `key` of a service of the embedded agent (`llm`, `cosmos`, `speech`), started on demand.

        Without one the test errs, later ones are skipped.
        """
        found = _found(functools.partial(self._worker.find_service, name))
        return {"url": found.url, "key": found.key}

    def endpoint(self, name: str) -> Endpoint:
        """A backend service: the one that was named, else the embedded one; a test of neither is skipped."""
        try:
            return find(name, self._options, self.service)
        except NotNamed as reason:
            skipped = str(reason)
        except ValueError as error:
            pytest.fail(str(error), pytrace=False)
        pytest.skip(skipped)

    async def load_test(
        self,
        item: pytest.Item,
        spec: LoadSpec,
        body: Callable[..., Awaitable[object]],
        arguments: Mapping[str, Any],
    ) -> None:
        """Fan a test out and end it as its verdict says.

        Raises:
            BaseException: pytest's outcome of this test.
        """
        judged = await self.judged(spec, body, arguments)
        item.user_properties.extend(judged.properties)
        conclude(judged)

    async def judged(
        self, spec: LoadSpec, body: Callable[..., Awaitable[object]], arguments: Mapping[str, Any]
    ) -> Judged:
        """Run a load test; once more under provisional evidence when the generator spoiled the first run.

        Raises:
            BaseException: pytest's outcome when it could not run, or was ended from within.
        """
        raised: list[Exception] = []
        if self._options.debug:
            body = _remembering(body, raised)
        refused: Refused | None = None
        try:
            judged = await self._run(LoadTest(spec, body, arguments))
            invalid = judged.result["verdict"] == Verdict.INVALID and judged.result["complete"]
            if invalid and spec.evidence is Evidence.PROVISIONAL:
                reason = next(iter(judged.result["reasons"]), "")
                judged = await self._run(LoadTest(replace(spec, after=reason), body, arguments))
        except Refused as error:
            refused = error
        if refused is not None:
            _refuse(refused)
        return replace(judged, raised=next(iter(raised), None))

    async def _run(self, test: LoadTest) -> Judged:
        with self._interrupts.cancelling(), bounded_logs():
            return await self._worker.run(test)


def conclude(judged: Judged) -> None:
    """End a test as its verdict says.

    Raises:
        BaseException: pytest's failure, if it failed; while it is debugged what its body raised, so that a debugger
            opens there.
    """
    if judged.failed and judged.raised is not None:
        judged.raised.add_note(judged.text.partition("\n")[0])
        raise judged.raised
    if judged.failed:
        pytest.fail(judged.text, pytrace=False)


def _remembering(body: Callable[..., Awaitable[object]], raised: list[Exception]) -> Callable[..., Awaitable[object]]:
    """The body, of which we remember what it raises."""

    @functools.wraps(body)
    async def remembered(**arguments: Any) -> None:
        try:
            await body(**arguments)
        except Exception as error:
            raised.append(error)
            raise

    return remembered


async def once(body: Callable[..., object], arguments: Mapping[str, Any]) -> None:
    """Run an ordinary test that uses user fixtures: it is its own only user."""
    async with contextlib.AsyncExitStack() as stack:
        entered = FixtureValues(stack, {})
        result = body(**{name: await entered.resolve(value) for name, value in arguments.items()})
        if inspect.isawaitable(result):
            await result


def _found(find_out: Callable[[], Found]) -> Found:
    """What the coordinator has found for a fixture, else pytest's outcome."""
    refused: Refused | None = None
    try:
        found = find_out()
    except Refused as error:
        refused = error
    if refused is not None:  # outside of the handler, so that one reason is shown and not two
        _refuse(refused)
    return found


def _refuse(refused: Refused) -> NoReturn:
    if refused.skip:
        pytest.skip(str(refused))
    pytest.fail(str(refused), pytrace=False)
