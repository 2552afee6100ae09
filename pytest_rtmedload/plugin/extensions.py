"""What a project's `conftest.py` and other plugins add, through the hooks of `pytest_rtmedload.hooks`.

The rule: each plugin is asked separately, so that a failing one costs one line with its name and does not affect the
others. Here are the hooks that are called before the run, where that line is a usage error; the others are in
`result_hooks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from pytest_rtmedload.dialects import DIALECTS, Dialect
from pytest_rtmedload.spec.criteria import DEFAULT_CRITERIA, with_changes
from pytest_rtmedload.spec.shapes import BUILT_IN, NAME
from pytest_rtmedload.text.formats import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_rtmedload.spec.criteria import Criterion
    from pytest_rtmedload.spec.shapes import LoadProfile

LONGEST: Final = 300
"""Characters of a line about a hook."""


class HookResult(NamedTuple):
    """What one plugin gave, or how it failed."""

    source: str
    """Hook and plugin, for messages."""
    value: Any = None
    error: Exception | None = None

    @property
    def problem(self) -> str:
        """The failure in one line."""
        kind = "" if isinstance(self.error, WrongAnswer) else f"{type(self.error).__name__}: "
        return one_line(f"{self.source}: {kind}{self.error}", LONGEST)


class WrongAnswer(ValueError):  # noqa: N818 - what it is about
    """What a hook returned cannot be used; the text says why."""


def ask(config: pytest.Config, hook: str, read: Callable[[Any], Any], **arguments: Any) -> Iterator[HookResult]:
    """Call a hook of every plugin that implements it, one by one, in the order in which they were registered.

    Args:
        config: pytest's.
        hook: its name.
        read: checks what a plugin returned, and gives it the form that is needed.
        **arguments: of the hook.
    """
    manager = config.pluginmanager
    plugins = [each.plugin for each in getattr(config.hook, hook).get_hookimpls()]
    for plugin in plugins:
        others = [other for other in plugins if other is not plugin]
        source = f"hook {hook} of {_name(config, plugin)}"
        try:
            answers = [
                HookResult(source, read(value)) for value in manager.subset_hook_caller(hook, others)(**arguments)
            ]
        except Exception as error:  # noqa: BLE001 - other plugins may fail in any way
            answers = [HookResult(source, error=error)]
        yield from answers


def _name(config: pytest.Config, plugin: object) -> str:
    """How a plugin is called; of a `conftest.py` the path below the root."""
    name = config.pluginmanager.get_name(plugin) or type(plugin).__name__
    path = Path(name)
    return str(path.relative_to(config.rootpath)) if path.is_relative_to(config.rootpath) else name


def known_dialects(config: pytest.Config) -> dict[str, Dialect]:
    """All dialects by name.

    Raises:
        pytest.UsageError: a hook failed, or gave what is not a dialect with a name of its own.
    """
    known = dict(DIALECTS)
    for answer in _settled(ask(config, "pytest_rtmedload_dialects", _dialects)):
        for dialect in answer.value:
            if dialect.name in known:
                raise pytest.UsageError(f"{answer.source}: there is a dialect {dialect.name!r} already: rename it")
            known[dialect.name] = dialect
    return known


def load_profiles(config: pytest.Config) -> dict[str, LoadProfile]:
    """The load profiles of hooks, by name.

    Raises:
        pytest.UsageError: a hook failed, or gave a name that a shape cannot have.
    """
    known: dict[str, LoadProfile] = {}
    for answer in _settled(ask(config, "pytest_rtmedload_load_profiles", _profiles)):
        for name, profile in answer.value.items():
            if name in known:
                raise pytest.UsageError(f"{answer.source}: there is a load profile {name!r} already: rename it")
            known[name] = profile
    return known


def criteria(config: pytest.Config) -> tuple[Criterion, ...]:
    """The default criteria of the run, as hooks change them.

    Raises:
        pytest.UsageError: a hook failed, or gave what is not a criterion.
    """
    found = DEFAULT_CRITERIA
    for answer in _settled(ask(config, "pytest_rtmedload_criteria", _texts)):
        try:
            found = with_changes(found, answer.value, answer.source)
        except ValueError as error:
            raise pytest.UsageError(f"{answer.source}: {error}") from None
    return found


def _settled(answers: Iterable[HookResult]) -> Iterator[HookResult]:
    """Answers, of which none may be a failure."""
    for answer in answers:
        if answer.error is not None:
            raise pytest.UsageError(answer.problem)
        yield answer


def as_list(value: Any) -> list[Any]:
    """A list, for `ask`."""
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise WrongAnswer(f"returned {value!r}, not a list")
    return list(value)


def as_dict(value: Any) -> dict[str, Any]:
    """A dict with texts as keys, for `ask`."""
    if not isinstance(value, Mapping):
        raise WrongAnswer(f"returned {value!r}, not a dict")
    return {str(key): found for key, found in value.items()}


def _texts(value: Any) -> list[str]:
    return [str(entry) for entry in as_list(value)]


def _dialects(value: Any) -> list[Dialect]:
    dialects = as_list(value)
    for entry in dialects:
        if not isinstance(entry, Dialect):
            raise WrongAnswer(f"{entry!r} is not a Dialect")
    return dialects


def _profiles(value: Any) -> dict[str, LoadProfile]:
    profiles = as_dict(value)
    for name, profile in profiles.items():
        if not NAME.fullmatch(name):
            raise WrongAnswer(f"{name!r} cannot be the name of a load profile: write it in lower case, without spaces")
        if name in BUILT_IN:
            raise WrongAnswer(f"there is a load profile {name!r} already: rename it")
        if not callable(profile):
            raise WrongAnswer(f"{name!r}: {profile!r} is not a function that makes a Conductor")
    return profiles
