"""A virtual user that writes down what it is told, for tests of clients without a load test."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pytest_rtmedload.text.redaction import redact
from pytest_rtmedload.voice.pacer import Pacer

if TYPE_CHECKING:
    from collections.abc import Callable


class Notebook:
    """What a client recorded.

    Args:
        timeout: seconds an operation may take, as in the marker.
        secrets: values that must not be written down.
    """

    def __init__(self, timeout: float = 20.0, secrets: tuple[str, ...] = ()) -> None:
        self.user = 0
        self.iteration = 0
        self.settings: Any = SimpleNamespace(redact=lambda text: redact(text, secrets))
        self.connecting: Any = SimpleNamespace(timeout=timeout)
        self.samples: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
        """Metric → outcome and milliseconds."""
        self.errors: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.values: defaultdict[str, list[float]] = defaultdict(list)
        self.thought: list[float] = []
        self.on_value: Callable[[str], object] = str
        """Called with the name of every value."""
        self._pacer: Pacer | None = None

    @property
    def pacer(self) -> Pacer:
        self._pacer = self._pacer or Pacer(asyncio.get_running_loop(), lambda *_: None)
        return self._pacer

    def outcomes(self, metric: str) -> Counter[str]:
        return Counter(outcome for outcome, _ in self.samples[metric])

    def add(self, metric: str, start_ns: int, end_ns: int, outcome: str = "ok") -> None:
        self.samples[metric].append((str(outcome), (end_ns - start_ns) / 1e6))

    def error(self, message: str, example: str = "") -> None:  # noqa: ARG002 - a virtual user's
        self.errors[message] += 1

    def count(self, name: str, by: int = 1) -> None:
        self.counts[name] += by

    tally = count

    def value(self, name: str, amount: float, unit: str = "") -> None:  # noqa: ARG002 - as above
        self.values[name].append(amount)
        self.on_value(name)

    async def think(self, shortest: float, longest: float | None = None) -> None:  # noqa: ARG002 - as above
        self.thought.append(shortest)
        await asyncio.sleep(shortest)
