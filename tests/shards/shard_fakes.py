"""Stand-ins around the coordinator: links that note what is sent, a clock that is told the time, an agent or none."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pytest_rtmedload.agent_provider import Agent, AgentUnavailable
from pytest_rtmedload.results.model import TestResult
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import Evidence
from pytest_rtmedload.results.recording import Cell, Phase, Recording, SeriesKey
from pytest_rtmedload.shards import messages
from pytest_rtmedload.shards.coordinator import Coordinator
from pytest_rtmedload.shards.event_sink import EventSink
from pytest_rtmedload.spec.load_spec import LoadSpec

M = TypeVar("M")
SPEC = LoadSpec("test_it.py::test_load", "api", users=4, duration=2.0, evidence=Evidence.PROVISIONAL)


class Clock:
    """Seconds, as a test sets them."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Agents:
    """Finds an agent, or says why there is none."""

    url: str | None = None
    trouble: str | None = None
    started: int = 0
    misses: int = 0

    def known(self) -> Agent | None:
        if self.trouble is not None:
            raise AgentUnavailable(self.trouble)
        return Agent(self.url, "rtmedagent", embedded=True) if self.url is not None else None

    def obtain(self) -> Agent:
        if self.url is None:
            self.url, self.started = "http://127.0.0.1:1", self.started + 1
        agent = self.known()
        assert agent is not None
        return agent

    def service(self, name: str) -> dict[str, Any]:
        self.obtain()
        return {"url": f"http://{name}", "key": "k", "pid": 1}

    def doubt(self) -> None:
        """Nothing to ask again."""

    def missed(self) -> bool:
        self.misses += 1
        return self.misses > 1


class Watcher:
    """Notes what the live view was shown."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int, int]] = []
        self.running = 0

    def started(self, *_: object) -> None:
        self.running += 1

    def progressed(self, _spec: LoadSpec, _phase: str, elapsed: float, users: int, delta: Recording) -> None:
        self.seen.append((elapsed, users, delta.histogram(ITERATION).count))

    def finished(self, *_: object) -> None:
        self.running -= 1


class Shard:
    """A worker's end of a link: says what a test lets it say, and notes what it hears."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.heard: list[Any] = []
        self.hung_up = False
        self._say: Callable[[Any], None]

    def send(self, message: messages.ToWorker) -> None:
        self.heard.append(message)

    def setcallback(self, callback: Callable[[Any], None]) -> None:
        self._say = callback

    def hang_up(self) -> None:
        self.hung_up = True

    def says(self, message: messages.ToCoordinator) -> None:
        self._say(message)

    def hears(self, kind: type) -> None:
        """Wait until a message of this kind was sent in another thread."""
        deadline = time.monotonic() + 10
        while kind not in self.kinds():
            assert time.monotonic() < deadline, f"{self.name} was never told {kind}"
            time.sleep(0.001)

    def last(self, kind: type[M]) -> M:
        """The last message of this kind."""
        return next(message for message in reversed(self.heard) if isinstance(message, kind))

    def kinds(self) -> list[type]:
        return [type(message) for message in self.heard]

    def arrives(self, spec: LoadSpec = SPEC) -> None:
        self.says(messages.Begins(nodeid=spec.nodeid))
        self.says(messages.Arrive(spec=spec))

    def tells(self, kind: Callable[..., Any], **content: Any) -> None:
        """A message about the load test under way."""
        self.says(kind(attempt=self.last(messages.Assign).attempt, **content))

    def ships(self, latencies_us: list[int], *, elapsed: float = 1.0, began_ns: int = 0, **more: Any) -> None:
        made = recording(latencies_us)
        self.tells(messages.ShippedSamples, recording=made, elapsed=elapsed, users=2, began_ns=began_ns, **more)

    def ends(self, latencies_us: list[int] = [], *, elapsed: float = 2.0, **more: Any) -> None:  # noqa: B006 - read only
        self.tells(messages.Done, recording=recording(latencies_us), elapsed=elapsed, **({"began_ns": 0} | more))


class Stage:
    """A coordinator with so many workers."""

    def __init__(self, workers: int = 2, agents: Agents | None = None, events: EventSink | None = None) -> None:
        self.clock, self.watcher, self.agents = Clock(), Watcher(), agents or Agents()
        self.results: list[TestResult] = []
        config: Any = type("Config", (), {"seed": 7, "targets": ()})
        self.coordinator = Coordinator(  # type: ignore[arg-type]
            config, self.agents, self._present, self.watcher, self.clock, events=events
        )
        self.shards: list[Shard] = []
        for _ in range(workers):
            self.joins()

    def joins(self) -> Shard:
        """One more worker."""
        shard = Shard(f"gw{len(self.shards)}")
        self.shards.append(shard)
        self.coordinator.connect(shard, shard.name, remote=True)
        return shard

    def begin(self, spec: LoadSpec = SPEC) -> None:
        """Bring all to the start line and over it."""
        for shard in self.shards:
            shard.arrives(spec)
        for shard in self.shards:
            shard.tells(messages.Ready)

    def _present(self, result: TestResult) -> messages.Judged:
        self.results.append(result)
        return messages.Judged(result.failed_test, " ".join(result.reasons), [], {})


def recording(latencies_us: list[int], metric: str = ITERATION) -> Recording:
    """What a shard recorded in the measured phase."""
    made = Recording()
    for latency in latencies_us:
        cells = made.cells(SeriesKey(metric))
        cells.setdefault(Cell(Phase.MEASURE, 0), Recording().histogram("")).record(latency)
    return made
