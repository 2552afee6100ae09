"""uvloop for async tests, where it was asked for.

pytest-asyncio asks *every* async test for its loops as soon as one plugin answers, so this plugin is registered on
demand only: installing the plugin changes no project's event loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class UvloopPlugin:
    """Gives all async tests of a run uvloop.

    Raises:
        pytest.UsageError: uvloop is not installed.
    """

    def __init__(self) -> None:
        try:
            import uvloop  # noqa: PLC0415 - optional
        except ImportError:
            raise pytest.UsageError(
                "--load-uvloop: uvloop is not installed: pip install uvloop (Linux and macOS), or leave the option out"
            ) from None
        self.new_event_loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop

    @pytest.hookimpl(optionalhook=True)
    def pytest_asyncio_loop_factories(self, config: pytest.Config, item: pytest.Item) -> dict[str, Any]:  # noqa: ARG002 - the hook's names
        """One loop factory, for every test."""
        return {"uvloop": self.new_event_loop}
