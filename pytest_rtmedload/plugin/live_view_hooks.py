"""Pytest's own output and a live view take turns: whenever pytest is about to write, the view steps aside.

A test that ends while others are under way (several groups at once, several workers) is reported while their rows are
shown. Those stand below pytest's line, exactly where it would go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_rtmedload.live.view import LiveView

NAME = "rtmedload-live"
"""Name under which the hooks are registered."""


class LiveViewHooks:
    """Hooks around all that makes pytest write while tests run.

    Args:
        view: what steps aside.
    """

    def __init__(self, view: LiveView) -> None:
        self._view = view

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logstart(self) -> Generator[None, Any, Any]:
        """A test's name may be written."""
        with self._view.aside():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self) -> Generator[None, Any, Any]:
        """A test's outcome is written."""
        with self._view.aside():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logfinish(self) -> Generator[None, Any, Any]:
        """How many tests are done is written."""
        with self._view.aside():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_keyboard_interrupt(self) -> Generator[None, Any, Any]:
        """The end by Ctrl-C is written."""
        self._view.finish()
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_internalerror(self) -> Generator[None, Any, Any]:
        """A traceback is written."""
        self._view.finish()
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True, optionalhook=True)
    def pytest_testnodedown(self) -> Generator[None, Any, Any]:
        """With pytest-xdist: a worker that is gone may be named."""
        with self._view.aside():
            return (yield)
