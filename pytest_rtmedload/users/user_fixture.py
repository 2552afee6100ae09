"""User fixtures: pytest fixtures whose body runs once per virtual user, or once per iteration.

pytest resolves a fixture once per test, but a load test needs a value for each user. So the *value* that pytest
sees is a definition; its ordinary dependencies are resolved by pytest, with pytest's scopes and overrides, and the
definition is entered by each user, on the load test's own event loop, just before that user starts.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, overload

import pytest

if TYPE_CHECKING:
    import contextlib
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

Scope = Literal["user", "iteration"]
F = TypeVar("F", bound="Callable[..., Any]")

known_names: Final[set[str]] = {"load", "load_run"}
"""Fixture names that make a test a candidate for a load test; grows as user fixtures are defined."""


@dataclass(frozen=True, eq=False, slots=True)
class UserFixtureDef:
    """How to make a value for one user: the fixture function and the values of its arguments."""

    name: str
    make: Callable[..., Any]
    needs: Mapping[str, Any]
    scope: Scope

    @property
    def per_iteration(self) -> bool:
        """True when the value belongs to a single iteration."""
        return self.scope == "iteration"


@overload
def user_fixture(function: F, /) -> F: ...
@overload
def user_fixture(*, scope: Scope = ..., name: str | None = ...) -> Callable[[F], F]: ...


def user_fixture(function: Any = None, /, *, scope: Scope = "user", name: str | None = None) -> Any:
    """Define a fixture that every virtual user gets a value of its own from.

    The function may be plain, a generator, a coroutine or an async generator; the code after its `yield` runs
    when the user (or the iteration) ends, also when the body raised or the run was cut short. It may ask for `load`,
    for other user fixtures and for ordinary fixtures of every scope.

    Args:
        function: the fixture function, when the decorator is used without arguments.
        scope: `"user"`: entered once per virtual user, just before that user starts; `"iteration"`: entered for each
            iteration, outside the measured time.
        name: name of the fixture; the function's name when left out.

    Raises:
        ValueError: an unknown scope.
    """
    if scope not in ("user", "iteration"):
        raise ValueError(f"user_fixture(scope={scope!r}): the scope is 'user' or 'iteration'")
    if function is None:
        return functools.partial(_define, scope=scope, name=name)
    return _define(function, scope=scope, name=name)


def _define(function: Callable[..., Any], *, scope: Scope, name: str | None) -> Any:
    fixture_name = name or function.__name__
    known_names.add(fixture_name)

    @functools.wraps(function)
    def definition(*instance: Any, **needs: Any) -> UserFixtureDef:
        make = functools.partial(function, *instance) if instance else function
        _check_scopes(fixture_name, scope, needs)
        return UserFixtureDef(fixture_name, make, needs, scope)

    definition.__dict__.pop("__wrapped__", None)  # pytest reads the signature, and must not see an async function
    definition.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    definition.__rtmedload_user_fixture__ = True  # type: ignore[attr-defined]
    return pytest.fixture(definition, name=name)


def is_user_fixture(function: object) -> bool:
    """True for the functions behind user fixtures."""
    return getattr(function, "__rtmedload_user_fixture__", False) is True


def _check_scopes(name: str, scope: Scope, needs: Mapping[str, Any]) -> None:
    for need in needs.values():
        if scope == "user" and isinstance(need, UserFixtureDef) and need.per_iteration:
            pytest.fail(
                f"user fixture {name!r} lives as long as its user and cannot need {need.name!r}, "
                f"which lives for one iteration: give {name!r} scope='iteration'",
                pytrace=False,
            )


class FixtureValues:
    """The values of one user: user fixtures are entered at most once each, and left in reverse order.

    Args:
        stack: leaves the fixtures when it closes.
        known: values entered by an outer scope.
    """

    def __init__(self, stack: contextlib.AsyncExitStack, known: Mapping[UserFixtureDef, Any]) -> None:
        self._stack = stack
        self.values: dict[UserFixtureDef, Any] = dict(known)

    async def resolve(self, value: Any) -> Any:
        """The value itself, or what its definition makes for this user."""
        if not isinstance(value, UserFixtureDef):
            return value
        if value not in self.values:
            needs = {name: await self.resolve(need) for name, need in value.needs.items()}
            self.values[value] = await self._enter(value.name, value.make(**needs))
        return self.values[value]

    async def prepare(self, value: Any) -> None:
        """Enter what lives as long as the user among the needs of a fixture that is entered for each iteration."""
        if isinstance(value, UserFixtureDef) and value.per_iteration:
            for need in value.needs.values():
                await self.prepare(need)
        else:
            await self.resolve(value)

    async def _enter(self, name: str, made: Any) -> Any:
        if inspect.isasyncgen(made):
            value = await anext(made)
            self._stack.push_async_callback(_leave_async, name, made)
            return value
        if inspect.isgenerator(made):
            value = next(made)
            self._stack.callback(_leave, name, made)
            return value
        return await made if inspect.isawaitable(made) else made


# As in pytest, a fixture is left by going on after its `yield`, also when the test failed: nothing is thrown into it.


def _leave(name: str, fixture: Iterator[Any]) -> None:
    for _ in fixture:
        raise RuntimeError(f"user fixture {name!r} has more than one yield")


async def _leave_async(name: str, fixture: AsyncIterator[Any]) -> None:
    async for _ in fixture:
        raise RuntimeError(f"user fixture {name!r} has more than one yield")
