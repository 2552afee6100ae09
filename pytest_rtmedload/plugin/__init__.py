"""The pytest plugin: hooks and fixtures, wiring only.

What a run costs when it has no load tests is kept low: everything heavy is imported when the first load test runs.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rtmedload import hooks
from pytest_rtmedload.plugin import options as declared
from pytest_rtmedload.plugin import selection
from pytest_rtmedload.plugin.call_fixtures import browser_call, phone_call
from pytest_rtmedload.plugin.event_loops import check_loop, loop_factory, run_alone
from pytest_rtmedload.plugin.interrupts import interrupts_of
from pytest_rtmedload.plugin.state import (
    CHANNEL,
    GROUPS,
    OUTCOMES,
    PARALLEL,
    RECOVERED,
    RUN,
    SPEC,
    TERMINAL,
    options_of,
    outcomes_of,
    prepare,
    prepared_run_of,
    run_of,
    side_by_side,
    tests_of,
)
from pytest_rtmedload.users.user_fixture import UserFixtureDef, is_user_fixture, known_names

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pytest_rtmedload.agent_provider import AgentUnderTest
    from pytest_rtmedload.plugin.explicit_run import LoadRun
    from pytest_rtmedload.shards.multi_coordinator import Coordination

__all__ = ["browser_call", "phone_call"]

MARKER = (
    "load(users, duration, rate, p50, p90, p95, p99, p999, errors, targets, ...): a load test, run by concurrent "
    "virtual users and judged by its latency percentiles"
)
ASYNCIO_PLUGIN = ("asyncio", "pytest_asyncio", "pytest_asyncio.plugin")
"""Names under which pytest-asyncio may be registered."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    declared.add_options(parser)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(parser: pytest.Parser, args: list[str]) -> Generator[None, None, None]:
    yield
    declared.add_aliases(parser, args)


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """Runs before pytest-xdist reads how many workers to start."""
    asked = not hasattr(config, "workerinput") and declared.mentioned(config, "parallel")
    if asked and options_of(config).parallel:
        from pytest_rtmedload.plugin.groups import arrange  # noqa: PLC0415 - only where it is asked for

        config.stash[PARALLEL] = arrange(config, debug=options_of(config).debug)
    return (yield)


def pytest_report_header(config: pytest.Config) -> list[str]:
    return [config.stash[PARALLEL].note] if PARALLEL in config.stash else []


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> str:
    planned = [(item, item.stash[SPEC]) for item in items if item.nodeid in config.stash.get(GROUPS, {})]
    if not planned:
        return ""
    from pytest_rtmedload.plugin.header import plan_line  # noqa: PLC0415 - only where there are load tests

    return plan_line(config, options_of(config), planned, side_by_side=side_by_side(config))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)
    named = any(config.getoption(option.dest, None) for option in declared.OPTIONS)
    if named:
        options_of(config)  # a wrong option is one line, whatever tests there are
    if (named or "load" in (config.getoption("markexpr", "") or "")) and not hasattr(config, "workerinput"):
        outcomes_of(config)  # before collection, which may fail
    if declared.mentioned(config, "uvloop") and options_of(config).uvloop:
        from pytest_rtmedload.plugin.uvloop_factory import UvloopPlugin  # noqa: PLC0415 - only where it is asked for

        config.pluginmanager.register(UvloopPlugin(), "rtmedload-uvloop")
    if not hasattr(config, "workerinput") and config.getoption("dist", "no") != "no" and config.getoption("tx", None):
        _become_controller(config)


def _become_controller(config: pytest.Config) -> None:
    """Load tests run in the workers of pytest-xdist."""
    from pytest_rtmedload.plugin.header import Head  # noqa: PLC0415 - only with pytest-xdist
    from pytest_rtmedload.xdist.controller import ControllerPlugin  # noqa: PLC0415 - only with pytest-xdist
    from pytest_rtmedload.xdist.groups import GroupsPlugin  # noqa: PLC0415 - as above

    def begin() -> Coordination:
        return prepared_run_of(config).coordinator

    groups = GroupsPlugin(lambda: config.stash.get(GROUPS, {})) if side_by_side(config) else None
    if groups is not None:
        config.pluginmanager.register(groups, "rtmedload-groups")
    elif not config.option.collectonly:
        config.pluginmanager.register(Head(config, lambda: options_of(config)), "rtmedload-head")
    controller = ControllerPlugin(config, begin, CHANNEL, lambda: None if groups is None else groups.assignment)
    config.pluginmanager.register(controller, "rtmedload-controller")
    outcomes_of(config)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> Generator[None, Any, Any]:
    if collector.istestfunction(obj, name) and inspect.iscoroutinefunction(obj):
        _let_async_plugin_run(collector, obj)
    made = yield
    for item in made if isinstance(made, list) else [made]:
        if isinstance(item, pytest.Function) and selection.is_load_test(item):
            _adopt(item)
    return made


def _let_async_plugin_run(collector: pytest.Module | pytest.Class, function: Callable[..., Any]) -> None:
    """In pytest-asyncio's strict mode an async load test needs no second marker."""
    own = {mark.name for mark in getattr(function, "pytestmark", ())} | {mark.name for mark in collector.iter_markers()}
    ours = "load" in own or not known_names.isdisjoint(inspect.signature(function).parameters)
    plugins = collector.config.pluginmanager
    if ours and not own & {"asyncio", "anyio"} and any(plugins.has_plugin(name) for name in ASYNCIO_PLUGIN):
        pytest.mark.asyncio(function)


def _adopt(item: pytest.Function) -> None:
    """A load test has the marker, and its arguments are right."""
    from pytest_rtmedload.plugin.marker import marker_arguments  # noqa: PLC0415 - only where there are load tests

    if item.get_closest_marker("load") is None:
        item.add_marker("load")
    if set(inspect.signature(item.function).parameters) >= selection.LOAD_FIXTURES:
        raise pytest.Collector.CollectError(f"{item.nodeid}: a test asks for load or for load_run, not for both")
    try:
        marker_arguments(item)
    except ValueError as error:
        raise pytest.Collector.CollectError(str(error)) from None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    tests = [item for item in items if isinstance(item, pytest.Function) and selection.is_load_test(item)]
    if not tests:
        return
    from pytest_rtmedload.plugin.marker import group_of, marker_arguments  # noqa: PLC0415 - only where there are load tests
    from pytest_rtmedload.plugin.sizing import load_spec  # noqa: PLC0415 - as above

    options = options_of(config)
    if not hasattr(config, "workerinput"):
        outcomes_of(config)
    for item in tests:
        try:
            arguments = marker_arguments(item)
            item.stash[SPEC] = load_spec(item.nodeid, group_of(item, arguments), arguments, options)
        except ValueError as error:  # sizes that cannot go together; what the marker says alone was checked before
            raise pytest.UsageError(f"{item.nodeid}: {error}") from None
        reason = selection.why_not(item, config, options)
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=reason))
            tests = [test for test in tests if test is not item]
    config.stash[GROUPS] = groups = {test.nodeid: test.stash[SPEC].group for test in tests}
    if OUTCOMES in config.stash:
        config.stash[OUTCOMES].selected = [*groups]
    if tests and CHANNEL in getattr(config, "workerinput", {}):
        from pytest_rtmedload.xdist.worker import WorkerPlugin  # noqa: PLC0415 - only with pytest-xdist

        nodeids = [test.nodeid for test in tests]
        worker = tests_of(config).announce(nodeids)
        config.pluginmanager.register(WorkerPlugin(config, worker, nodeids), "rtmedload-worker")
        interrupts_of(config).install()
    elif tests and not config.option.collectonly:
        from pytest_rtmedload.plugin.run import open_terminal  # noqa: PLC0415 - as above

        prepare(config)
        config.stash[TERMINAL] = open_terminal()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if SPEC in item.stash and report.failed:
        from pytest_rtmedload.report.ci.junit import tell_failure  # noqa: PLC0415 - only where load tests fail

        tell_failure(item.user_properties, report)
        report.user_properties = list(item.user_properties)
    if SPEC in item.stash and report.sections:
        from pytest_rtmedload.plugin.output_limits import bound_sections  # noqa: PLC0415 - only where there are load tests

        bound_sections(item, report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    if not isinstance(item, pytest.Function):
        return (yield)
    if SPEC in item.stash and "load_run" in item.funcargs:
        result = yield
        if not getattr(item.funcargs["load_run"], "finished", True):
            pytest.fail("load_run never ran a load test: 'await load_run(body, …)' in an async test", pytrace=False)
        return result
    if SPEC not in item.stash and not any(isinstance(value, UserFixtureDef) for value in item.funcargs.values()):
        return (yield)
    original = item.obj
    item.obj = _fanned_out(item, original)
    try:
        return (yield)
    except KeyboardInterrupt:
        if RUN in item.config.stash:
            interrupts_of(item.config).ignore()
        raise
    finally:
        item.obj = original


def _fanned_out(item: pytest.Function, original: Callable[..., Any]) -> Callable[..., Any]:
    """What runs in place of the test function: by the user's async plugin, or on a loop of its own for a plain one."""
    from pytest_rtmedload.plugin.load_tests import once  # noqa: PLC0415 - only where there are load tests or user fixtures
    from pytest_rtmedload.users.threads import on_threads  # noqa: PLC0415 - as above

    asynchronous = inspect.iscoroutinefunction(item.function)
    factory = loop_factory(item.config)
    body = original if asynchronous else on_threads(original)

    @functools.wraps(original)
    async def load_test(**arguments: Any) -> None:
        if SPEC in item.stash:
            check_loop(item.nodeid)
            await tests_of(item.config).load_test(item, item.stash[SPEC], body, arguments)
        else:
            await once(original, arguments)

    if asynchronous:
        return load_test

    @functools.wraps(original)
    def plain_load_test(**arguments: Any) -> None:
        run_alone(load_test(**arguments), factory)

    return plain_load_test


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Without an async plugin (`-p no:asyncio`) a load test runs on an event loop of its own."""
    if SPEC not in pyfuncitem.stash or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    if "anyio_backend" in pyfuncitem.fixturenames:
        return None
    names = inspect.signature(pyfuncitem.function).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names if name in pyfuncitem.funcargs}
    run_alone(pyfuncitem.obj(**arguments), loop_factory(pyfuncitem.config))
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
    """Only user fixtures can be given what exists once per user."""
    if is_user_fixture(fixturedef.func):
        return
    for need in fixturedef.argnames:
        if need in known_names and isinstance(request.getfixturevalue(need), UserFixtureDef):
            pytest.fail(
                f"fixture {fixturedef.argname!r} asks for {need!r}, which exists once per virtual user: "
                f"define {fixturedef.argname!r} with @pytest_rtmedload.user_fixture",
                pytrace=False,
            )


@pytest.fixture
def load() -> UserFixtureDef:
    """One virtual user's handle: measured clients and measurements."""
    from pytest_rtmedload.users.fan_out import LOAD  # noqa: PLC0415 - only where there are load tests

    return LOAD


@pytest.fixture
def load_run(request: pytest.FixtureRequest) -> LoadRun:
    """A load test as a call, whose result the test judges itself.

    `result = await load_run(body, users=50, duration="20s")`; a plain test leaves out the `await`.
    """
    from pytest_rtmedload.plugin.explicit_run import BlockingLoadRun, LoadRun  # noqa: PLC0415 - only where there are load tests

    item, config = request.node, request.config
    kind = LoadRun if inspect.iscoroutinefunction(item.function) else BlockingLoadRun
    return kind(item, functools.partial(tests_of, config), options_of(config))


@pytest.fixture
def _rtmedload_agent(request: pytest.FixtureRequest) -> AgentUnderTest:
    return tests_of(request.config).agent()


@pytest.fixture
def agent(_rtmedload_agent: AgentUnderTest) -> AgentUnderTest:
    """The agent under test: `url`, `dialect` and `embedded`. Starts the embedded agent when none is named."""
    return _rtmedload_agent


@pytest.fixture(scope="session")
def service_endpoint(request: pytest.FixtureRequest) -> Callable[[str], object]:
    """Where a backend service is: `service_endpoint("llm")`, or redis, cosmos, speech. See docs/backend.md.

    The service that was named in the environment, else the embedded one, which starts when it is first asked for.
    """
    return lambda name: tests_of(request.config).endpoint(name)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None, Any, Any]:
    config = session.config
    if hasattr(config, "workerinput") or config.option.collectonly:
        return (yield)
    if _has_run(session, exitstatus):
        run_of(config).finish(session, exitstatus)
    if OUTCOMES not in config.stash:
        return (yield)
    from pytest_rtmedload.plugin.last_failed import remembered  # noqa: PLC0415 - only where there are load tests

    with remembered(config, config.stash[OUTCOMES].deselected):
        return (yield)


def _has_run(session: pytest.Session, exitstatus: int) -> bool:
    """True if this was a run of load tests, even if none of them finished: its results are then the latest."""
    config = session.config
    if RUN in config.stash or config.stash.get(GROUPS, {}):
        return True
    if exitstatus == pytest.ExitCode.USAGE_ERROR or not all(map(selection.is_load_test, session.items)):
        return False
    if OUTCOMES in config.stash and config.stash[OUTCOMES].ordinary:
        return False
    try:
        return selection.asked_for(config, options_of(config))
    except pytest.UsageError:  # in an ini file that no load test has read
        return False


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    run = terminalreporter.config.stash.get(RUN, None)
    if run is not None:
        run.write_summary(terminalreporter)
    for line in terminalreporter.config.stash.get(RECOVERED, ()):
        terminalreporter.write_line(line)
    outcomes = terminalreporter.config.stash.get(OUTCOMES, None)
    unasked = outcomes.unasked if outcomes is not None else 0
    if unasked:
        tests = "load test was" if unasked == 1 else "load tests were"
        terminalreporter.write_line(f"{unasked} {tests} not asked for: run with -m load or --load-suite quick")


def pytest_unconfigure(config: pytest.Config) -> None:
    if RUN in config.stash:
        config.stash[RUN].close()
    interrupts_of(config).restore()
    if TERMINAL in config.stash:
        config.stash[TERMINAL].close()
