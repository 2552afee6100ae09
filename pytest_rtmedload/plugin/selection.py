"""Which tests are load tests, and which of them were requested.

Load tests cost minutes, so they run only when they were meant: `-m` picked them *because* of the marker, a suite or a
size was given, or a test was named by its node id. Otherwise they are skipped and say so.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from pytest_rtmedload.spec.load_config import LoadConfig

UNASKED: Final = "load test: runs with -m load, with --load-suite or a load size, or when named by its node id"
ONLY_IN: Final = "only in the suites "
"""Beginning of the skip reason of a load test that belongs to other suites."""
LOAD_FIXTURES: Final = frozenset({"load", "load_run"})


def is_load_test(item: pytest.Item) -> bool:
    """True for a test with the marker, or that asks for `load`, directly or through a user fixture."""
    return item.get_closest_marker("load") is not None or any(_is_ours(item, name) for name in LOAD_FIXTURES)


def _is_ours(item: pytest.Item, name: str) -> bool:
    """True if a test asks for our fixture of this name, and not for one of its own project's, or a parameter."""
    if name not in getattr(item, "fixturenames", ()):
        return False
    found = getattr(item, "_fixtureinfo", None)  # pytest has no public way to ask which fixture a name stands for
    definitions: Sequence[Any] = found.name2fixturedefs.get(name, ()) if found is not None else ()
    return bool(definitions) and definitions[-1].func.__module__ == "pytest_rtmedload.plugin"


def wanted(item: pytest.Item, config: pytest.Config, options: LoadConfig) -> bool:
    """True when this load test was requested."""
    if options.sized_by_command_line or any("::" in argument for argument in config.args):
        return True
    names = {mark.name for mark in item.iter_markers()}
    if chosen_only_by("load", config.getoption("markexpr", "") or "", names):
        return True
    return bool(config.getoption("lf", default=False)) and _failed_last(item)


def _failed_last(item: pytest.Item) -> bool:
    """True if `--last-failed` is about this test."""
    from pytest_rtmedload.plugin.last_failed import last_failed  # noqa: PLC0415 - only with that option

    return item.nodeid in last_failed(item.config)


def why_not(item: pytest.Item, config: pytest.Config, options: LoadConfig) -> str | None:
    """Why this load test is skipped; None when it runs."""
    from pytest_rtmedload.plugin.marker import marker_arguments  # noqa: PLC0415 - only where there are load tests

    suites = marker_arguments(item).suites
    if not wanted(item, config, options):
        return UNASKED
    if suites is not None and options.suite.name not in suites:
        return f"{ONLY_IN}{', '.join(suites)}"
    return None


def is_deselection(reason: str) -> bool:
    """True if a test was skipped for a reason given by `why_not`."""
    return reason == UNASKED or reason.startswith(ONLY_IN)


def asked_for(config: pytest.Config, options: LoadConfig) -> bool:
    """True if load tests were requested, regardless of what was collected."""
    return options.sized_by_command_line or chosen_only_by("load", config.getoption("markexpr", "") or "", set())


def chosen_only_by(name: str, expression: str, names: set[str]) -> bool:
    """True when a `-m` expression holds for a test with these markers, and would not without the marker `name`."""
    return bool(expression) and _holds(expression, names | {name}) and not _holds(expression, names - {name})


def _holds(expression: str, names: set[str]) -> bool:
    plain = re.sub(r"[^\s()=,]+", lambda match: _quoted(match[0]), re.sub(r"\([^()]*=[^()]*\)", "", expression))
    try:
        return _evaluate(ast.parse(plain, mode="eval").body, names)
    except SyntaxError:
        return False  # pytest reports it


def _quoted(word: str) -> str:
    """Marker names need not be Python names: as string literals they can be anything."""
    return word if word in ("and", "or", "not") else repr(word)


def _evaluate(node: ast.expr, names: set[str]) -> bool:
    if isinstance(node, ast.BoolOp):
        values = [_evaluate(value, names) for value in node.values]
        return all(values) if isinstance(node.op, ast.And) else any(values)
    if isinstance(node, ast.UnaryOp):
        return not _evaluate(node.operand, names)
    return isinstance(node, ast.Constant) and node.value in names
