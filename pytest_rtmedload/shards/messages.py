"""What the parts of a worker say to each other: the test to run, its verdict, and why there is none."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from pytest_rtmedload.shards.link import Message
    from pytest_rtmedload.spec.load_config import LoadConfig
    from pytest_rtmedload.spec.load_spec import LoadSpec


@dataclass(frozen=True, slots=True)
class LoadTest:
    """A test to be fanned out."""

    spec: LoadSpec
    body: Callable[..., Awaitable[object]]
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the coordinator made of a load test."""

    failed: bool
    text: str
    properties: list[tuple[str, object]]
    result: dict[str, Any]
    """The test's entry of the JSON result."""
    raised: Exception | None = None
    """What the body raised first, while it is debugged."""


class Refused(Exception):  # noqa: N818 - a decision of the coordinator, which the plugin turns into an outcome
    """The coordinator does not let this load test run, or go on; the reason is one line."""

    def __init__(self, reason: str, *, skip: bool) -> None:
        super().__init__(reason)
        self.skip = skip


class StartOver(Exception):  # noqa: N818 - an order of the coordinator
    """The load test begins anew on all shards: there is an agent now."""

    def __init__(self, assigned: dict[str, Any]) -> None:
        super().__init__("the load test begins anew")
        self.assigned = assigned


class Conversation(Protocol):
    """How a shard talks to its coordinator."""

    settings: LoadConfig

    def tell(self, kind: str, **content: Any) -> None:
        """Send a message."""

    async def expect(self, kind: str) -> dict[str, Any]:
        """Wait for a message of this kind.

        Raises:
            Refused: the coordinator ends the test, or is gone.
            StartOver: the coordinator lets the test begin anew.
        """

    def messages(self) -> Iterator[Message]:
        """All messages that have arrived; raises as `expect` does."""


def own_version() -> str:
    """The version of this plugin, which must be the same in all processes of a run."""
    return importlib.metadata.version("pytest-rtmedload")
