"""State of a pytest run with load tests, created on first use: options, the run, the load tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import pytest

from pytest_rtmedload.plugin.interrupts import interrupts_of

if TYPE_CHECKING:
    from pytest_rtmedload.plugin.groups import Arrangement
    from pytest_rtmedload.plugin.load_tests import Tests
    from pytest_rtmedload.plugin.outcomes import OutcomeRecorder
    from pytest_rtmedload.plugin.run import Run
    from pytest_rtmedload.spec.load_config import LoadConfig
    from pytest_rtmedload.spec.load_spec import LoadSpec

CHANNEL = "rtmedload_channel"
"""Key of pytest-xdist's `workerinput` under which a worker finds its link to the coordinator."""
SPEC: pytest.StashKey[LoadSpec] = pytest.StashKey()
OPTIONS: pytest.StashKey[LoadConfig] = pytest.StashKey()
GROUPS: pytest.StashKey[dict[str, str]] = pytest.StashKey()
"""Node id of each load test that was selected → its group."""
PARALLEL: pytest.StashKey[Arrangement] = pytest.StashKey()
OUTCOMES: pytest.StashKey[OutcomeRecorder] = pytest.StashKey()
RUN: pytest.StashKey[Run] = pytest.StashKey()
TESTS: pytest.StashKey[Tests] = pytest.StashKey()
TERMINAL: pytest.StashKey[TextIO] = pytest.StashKey()
RECOVERED: pytest.StashKey[list[str]] = pytest.StashKey()
"""A line for each earlier run that was killed."""


def side_by_side(config: pytest.Config) -> bool:
    """True if the groups of load tests run at the same time."""
    return PARALLEL in config.stash and config.stash[PARALLEL].side_by_side


def options_of(config: pytest.Config) -> LoadConfig:
    """The options of this run, read once."""
    if OPTIONS not in config.stash:
        from pytest_rtmedload.plugin.config import load_config  # noqa: PLC0415 - only where there are load tests or options

        config.stash[OPTIONS] = load_config(config)
    return config.stash[OPTIONS]


def run_of(config: pytest.Config) -> Run:
    """The run, begun when the first load test needs it, in the process that writes the results."""
    if RUN not in config.stash:
        from pytest_rtmedload.plugin.run import Run, open_terminal  # noqa: PLC0415 - only runs with load tests pay for it

        if TERMINAL not in config.stash:
            config.stash[TERMINAL] = open_terminal()
        terminal = config.stash[TERMINAL]
        recorder, beside = outcomes_of(config), side_by_side(config)
        interrupts = interrupts_of(config)
        config.stash[RUN] = Run(config, options_of(config), terminal, interrupts, recorder, side_by_side=beside)
    return config.stash[RUN]


def outcomes_of(config: pytest.Config) -> OutcomeRecorder:
    """Listens to pytest's reports as soon as load tests are known."""
    if OUTCOMES not in config.stash:
        from pytest_rtmedload.plugin.outcomes import OutcomeRecorder  # noqa: PLC0415 - only where there are load tests

        config.stash[OUTCOMES] = OutcomeRecorder()
        config.pluginmanager.register(config.stash[OUTCOMES], "rtmedload-outcomes")
    return config.stash[OUTCOMES]


def prepared_run_of(config: pytest.Config) -> Run:
    """The run, where other processes collect: its reports can be written, or it does not begin."""
    prepare(config)
    return run_of(config)


def prepare(config: pytest.Config) -> None:
    """Before the first load test, in the process that writes the results."""
    from pytest_rtmedload.plugin.run import prepare_reports  # noqa: PLC0415 - only runs with load tests pay for it

    config.stash[RECOVERED] = prepare_reports(config, options_of(config))
    interrupts_of(config).install()


def tests_of(config: pytest.Config) -> Tests:
    """Runs the load tests of this process, which may be one of pytest-xdist's workers."""
    if TESTS not in config.stash:
        given = getattr(config, "workerinput", {})
        if CHANNEL in given:
            from pytest_rtmedload.plugin.load_tests import Tests  # noqa: PLC0415 - only runs with load tests pay for it
            from pytest_rtmedload.xdist.controller import ChannelLink  # noqa: PLC0415 - as above

            config.stash[TESTS] = Tests(ChannelLink(given[CHANNEL]), options_of(config), interrupts_of(config))
        else:
            config.stash[TESTS] = run_of(config).tests()
    return config.stash[TESTS]
