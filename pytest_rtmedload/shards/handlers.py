"""The coordinator's message handlers: each kind of message with the function that takes exactly that kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.shards.start_line import WorkerHandle

M = TypeVar("M")


def on(
    kind: type[M], act: Callable[[WorkerHandle, M], None]
) -> tuple[type[object], Callable[[WorkerHandle, Any], None]]:
    """An entry of the table; type checkers see that both parts fit."""
    return kind, act
