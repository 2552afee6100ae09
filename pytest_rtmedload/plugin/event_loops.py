"""The event loop that a load test runs on, where no async plugin gives it one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine


def check_loop(nodeid: str) -> None:
    """Virtual users are asyncio tasks; anyio may be configured to use something else."""
    import asyncio  # noqa: PLC0415 - only where there are load tests

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pytest.fail(f"{nodeid}: load tests run on asyncio: give anyio_backend the value 'asyncio'", pytrace=False)


def loop_factory(config: pytest.Config) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the event loops that no async plugin makes."""
    plugin = config.pluginmanager.get_plugin("rtmedload-uvloop")
    return None if plugin is None else plugin.new_event_loop


def run_alone(
    coroutine: Coroutine[Any, Any, None], factory: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> None:
    """Run a coroutine on an event loop of its own."""
    import asyncio  # noqa: PLC0415 - only where there is no async plugin to do it

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(coroutine)
