"""A pytest plugin that reports the settings of a run here, and ends before anything is collected.

The rule: options are read by the plugin's own code from pytest's own configuration, so that ini files, `addopts`, the
environment and conftests count as in a run. Values that may be secret are not reported.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from pytest_rtmedload.spec.load_config import LoadConfig

ANSWER: Final = "PYTEST_RTMEDLOAD_PROBE"
"""The variable with the name of the file for the answer."""


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int:
    """Write the answer and end."""
    Path(os.environ[ANSWER]).write_text(json.dumps(_answer(config)), "utf-8")
    return 0


def _answer(config: pytest.Config) -> dict[str, Any]:
    plugin = sys.modules.get("pytest_rtmedload.plugin")
    loaded = plugin is not None and config.pluginmanager.is_registered(plugin)
    answer: dict[str, Any] = {
        "pytest": pytest.__version__,
        "root": str(config.rootpath),
        "loaded": loaded,
        "workers": config.pluginmanager.has_plugin("xdist"),
    }
    return answer | (_options(config) if loaded else {})


def _options(config: pytest.Config) -> dict[str, Any]:
    from pytest_rtmedload.plugin.state import options_of  # noqa: PLC0415 - it is known to be loaded

    try:
        options = options_of(config)
    except pytest.UsageError as error:
        return {"wrong": str(error)}
    return {
        "host": options.host,
        "dialect": options.dialect,
        "health": options.wire.paths.health,
        "suite": options.suite.name,
        "users": most_users(options),
        "uvloop": options.uvloop,
        "directory": str(options.directory),
        "embedded": list(options.embedded),
    }


def most_users(options: LoadConfig) -> int:
    """The largest number of virtual users of a test, according to options and suite."""
    sources = (options.command_line, options.ini, options.environment)
    users = []
    for group, of_suite in options.suite.users.items():
        named = (size for source in sources if (size := source.of(group).get("users")) is not None)
        users.append(int(next(named, of_suite)))
    return max(users)
