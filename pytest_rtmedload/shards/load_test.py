"""Types shared by the parts of a worker: the test to run, reasons for no verdict, and access to the coordinator."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from pytest_rtmedload.shards.messages import Assign, ToCoordinator, ToWorker
    from pytest_rtmedload.spec.load_config import LoadConfig
    from pytest_rtmedload.spec.load_spec import LoadSpec

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class LoadTest:
    """A test to be fanned out."""

    spec: LoadSpec
    body: Callable[..., Awaitable[object]]
    arguments: Mapping[str, Any]


class Refused(Exception):  # noqa: N818 - a decision of the coordinator, which the plugin turns into an outcome
    """The coordinator does not let this load test run, or go on; the reason is one line."""

    def __init__(self, reason: str, *, skip: bool) -> None:
        super().__init__(reason)
        self.skip = skip


class StartOver(Exception):  # noqa: N818 - an order of the coordinator
    """The load test starts over on all shards: an agent is available now."""

    def __init__(self, assigned: Assign) -> None:
        super().__init__("the load test starts over")
        self.assigned = assigned


class Messenger(Protocol):
    """How a shard talks to its coordinator."""

    settings: LoadConfig

    def tell(self, message: ToCoordinator) -> None:
        """Send a message."""

    async def expect(self, kind: type[M]) -> M:
        """Wait for a message of this kind.

        Raises:
            Refused: the coordinator ends the test, or is gone.
            StartOver: the coordinator makes the test start over.
        """

    def messages(self) -> Iterator[ToWorker]:
        """All messages that have arrived; raises as `expect` does."""


def own_version() -> str:
    """The version of this plugin, which must be the same in all processes of a run."""
    return importlib.metadata.version("pytest-rtmedload")
